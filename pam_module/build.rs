//! Link flags of `pam_twinlock.so`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Some hosts dlclose their modules after every transaction, and the module's thread-local
    // destructors run when the thread ends, which may be later: without this flag, in unmapped
    // memory.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // A missing symbol is a load error before the conversation, not a crash in the middle of it.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
}
