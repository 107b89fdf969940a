//! Names and limits that both sides must agree on.

/// Well-known name of the daemon on the system bus.
pub const BUS_NAME: &str = "org.twinlock.Twinlock1";
/// The one object the daemon serves.
pub const OBJECT_PATH: &str = "/org/twinlock/Twinlock1";
/// Interface of a login in progress.
pub const LOGIN: &str = "org.twinlock.Twinlock1.Login";
/// Interface through which people look after their own authenticator.
pub const ENROLLMENT: &str = "org.twinlock.Twinlock1.Enrollment";
/// Interface through which administrators look after accounts.
pub const MANAGER: &str = "org.twinlock.Twinlock1.Manager";

/// Address of the system bus, fixed because `DBUS_SYSTEM_BUS_ADDRESS` belongs to whoever called
/// sudo (CVE-2012-3524 is what happens to programs that read it).
pub const SYSTEM_BUS_ADDRESS: &str = "unix:path=/run/dbus/system_bus_socket";

/// Longest message body the daemon looks at, in bytes. Longer ones are refused unread.
pub const MAX_MESSAGE_BYTES: usize = 4096;
/// Longest account name the daemon looks up, in bytes (`LOGIN_NAME_MAX` on Linux).
pub const MAX_NAME_BYTES: usize = 256;
/// Longest value of one context entry, in bytes; longer ones are cut by the module.
pub const MAX_CONTEXT_BYTES: usize = 256;
/// Longest answer, in bytes, spaces and dashes included.
pub const MAX_ANSWER_BYTES: usize = 64;
