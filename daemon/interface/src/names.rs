//! Names and limits that both sides must agree on.

/// Well-known name of the daemon on the system bus.
pub const BUS_NAME: &str = "org.twinlock.Twinlock1";
/// The one object the daemon serves.
pub const OBJECT_PATH: &str = "/org/twinlock/Twinlock1";
/// Interface of a login in progress.
pub const LOGIN: &str = "org.twinlock.Twinlock1.Login";
/// Interface through which people look after their own authenticators.
pub const ENROLLMENT: &str = "org.twinlock.Twinlock1.Enrollment";
/// Interface through which administrators say who must give a code.
pub const POLICY: &str = "org.twinlock.Twinlock1.Policy";
/// Interface through which administrators look after accounts.
pub const MANAGER: &str = "org.twinlock.Twinlock1.Manager";

/// Members of [`LOGIN`], for clients that build their messages themselves.
pub const LOGIN_BEGIN: &str = "Begin";
/// See [`LOGIN_BEGIN`].
pub const LOGIN_ANSWER: &str = "Answer";
/// Signature of the body that answers [`LOGIN_BEGIN`].
pub const LOGIN_BEGIN_REPLY: &[&str] = &["s(ssb)"];
/// Signatures of the body that answers [`LOGIN_ANSWER`]: a struct that is the only argument and its
/// fields as arguments are the same bytes, and libraries differ in which of the two they call it.
pub const LOGIN_ANSWER_REPLY: &[&str] = &["(ssb)", "ssb"];

/// Socket of the system bus, fixed because `DBUS_SYSTEM_BUS_ADDRESS` belongs to whoever called
/// sudo (CVE-2012-3524 is what happens to programs that read it).
pub const SYSTEM_BUS_SOCKET: &str = "/run/dbus/system_bus_socket";
/// The same as a D-Bus address.
pub const SYSTEM_BUS_ADDRESS: &str = "unix:path=/run/dbus/system_bus_socket";

/// Longest message body the daemon looks at, in bytes. Longer ones are refused unread.
pub const MAX_MESSAGE_BYTES: usize = 4096;
/// Longest change to the policy, as a message body in bytes.
pub const MAX_POLICY_BYTES: usize = 12 * 1024;
/// Longest account name the daemon looks up, in bytes (`LOGIN_NAME_MAX` on Linux).
pub const MAX_NAME_BYTES: usize = 256;
/// Longest value of one context entry, in bytes; longer ones are cut by the module.
pub const MAX_CONTEXT_BYTES: usize = 256;
/// Longest name of an authenticator, in bytes.
pub const MAX_AUTHENTICATOR_NAME_BYTES: usize = 64;
/// Most authenticators of one account.
pub const MAX_AUTHENTICATORS: usize = 8;
/// Most services, and most places, of one rule.
pub const MAX_CONDITIONS: usize = 64;
/// Longest reason, message or author of a rule, in bytes.
pub const MAX_REMARK_BYTES: usize = 256;
/// Most days that enrolment in a login may stay open: until then a password alone can enrol.
pub const MAX_ENROLLMENT_DAYS: u64 = 90;
/// Most minutes for which a source may be remembered.
pub const MAX_REMEMBER_MINUTES: u32 = 1440;
/// Most accounts or events in one answer.
pub const PAGE: usize = 100;
/// polkit action of whoever looks after accounts without being root.
pub const MANAGE_ACCOUNTS: &str = "org.twinlock.Twinlock1.manage-accounts";
/// polkit action of whoever says who must give a code without being root.
pub const SET_POLICY: &str = "org.twinlock.Twinlock1.set-policy";
/// polkit action of whoever reads accounts, events and policy without being root.
pub const READ_AUDIT: &str = "org.twinlock.Twinlock1.read-audit";

/// Longest answer, in bytes, spaces and dashes included.
pub const MAX_ANSWER_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_and_socket_are_the_same_place() {
        assert_eq!(SYSTEM_BUS_ADDRESS.strip_prefix("unix:path="), Some(SYSTEM_BUS_SOCKET));
    }

    #[test]
    fn the_replies_of_login_are_described_as_they_are_typed() {
        let described = |member: &str| {
            let (_, method) = crate::INTROSPECTION_XML
                .split_once(&format!("<interface name=\"{LOGIN}\">"))
                .and_then(|(_, rest)| rest.split_once(&format!("<method name=\"{member}\">")))
                .unwrap();
            let (method, _) = method.split_once("</method>").unwrap();
            let out = method.lines().filter(|line| line.contains("direction=\"out\""));
            out.map(|line| line.split('"').nth(3).unwrap()).collect::<String>()
        };
        assert_eq!(described(LOGIN_BEGIN), LOGIN_BEGIN_REPLY[0]);
        assert_eq!(described(LOGIN_ANSWER), LOGIN_ANSWER_REPLY[0]);
    }
}
