//! When nobody answered: no bus, no daemon, or not the daemon this program was built with.

use std::io;

use twinlock_interface::names;
use zbus::DBusError as _;

use super::{Exit, Failure, Name};
use crate::printable;

/// The daemon could not be asked.
pub(super) fn failure(cause: &zbus::Error) -> Failure {
    match cause {
        zbus::Error::Connection(error, _) | zbus::Error::InputOutput(error) => no_bus(error),
        zbus::Error::Handshake(reason) => no_bus(&io::Error::other(reason.clone())),
        zbus::Error::FDO(error) => {
            by_name(error.name().as_str(), error.description().unwrap_or("no reason given"))
        }
        zbus::Error::MethodError(name, reason, _) => {
            by_name(name.as_str(), reason.as_deref().unwrap_or("no reason given"))
        }
        zbus::Error::SignatureMismatch(..) => other_version(&cause.to_string()),
        other => unexpected(&other.to_string()),
    }
}

fn no_bus(error: &io::Error) -> Failure {
    let socket = names::SYSTEM_BUS_SOCKET;
    Failure::new(
        Name::BusUnreachable,
        Exit::Unreachable,
        format!(
            "The system bus at {socket} cannot be reached: {error}.\n\
             Is the D-Bus system bus running? Try `systemctl status dbus`, or start dbus-daemon."
        ),
    )
}

/// Errors of the bus itself, and of systemd where it starts the daemon for the bus.
fn by_name(name: &str, reason: &str) -> Failure {
    const BUS: &str = "org.freedesktop.DBus.Error.";
    match name.strip_prefix(BUS).unwrap_or(name) {
        "AccessDenied" => Failure::new(
            Name::AccessDenied,
            Exit::Unreachable,
            format!(
                "The system bus does not let this call through: {}.\n\
                 Is the bus policy {}.conf installed, and has the bus been reloaded since?",
                tidy(reason),
                names::BUS_NAME
            ),
        ),
        "UnknownMethod" | "UnknownInterface" | "UnknownObject" | "InvalidArgs"
        | "InvalidSignature" => other_version(reason),
        "NoReply" | "Disconnected" | "Timeout" | "TimedOut" => no_daemon(
            "twinlockd went away before it answered",
            reason,
            "What was asked may still have been done: look with `twinlock status`. See",
        ),
        short
            if matches!(short, "ServiceUnknown" | "NameHasNoOwner")
                || short.starts_with("Spawn.")
                || short.starts_with("org.freedesktop.systemd1.") =>
        {
            no_daemon("twinlockd could not be started", reason, "Is twinlockd installed? See")
        }
        _ => unexpected(&format!("{name}: {}", tidy(reason))),
    }
}

fn no_daemon(what: &str, reason: &str, first: &str) -> Failure {
    Failure::new(
        Name::DaemonUnreachable,
        Exit::Unreachable,
        format!(
            "{what}: {}.\n{first} `systemctl status twinlockd` or the system log.",
            tidy(reason)
        ),
    )
}

fn other_version(reason: &str) -> Failure {
    Failure::new(
        Name::VersionMismatch,
        Exit::Unreachable,
        format!(
            "twinlockd does not understand this call: {}.\n\
             Restart it after an upgrade, so that it is the same version as this program ({}).",
            tidy(reason),
            env!("CARGO_PKG_VERSION")
        ),
    )
}

fn unexpected(reason: &str) -> Failure {
    Failure::new(
        Name::BusFailure,
        Exit::Unreachable,
        format!("The call failed: {}.\nSee the system log.", tidy(reason)),
    )
}

/// Somebody else's sentence, to stand inside one of ours.
fn tidy(reason: &str) -> String {
    printable::line(reason.trim_end_matches(['.', '\n'])).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use zbus::fdo;

    use super::*;
    use twinlock_interface::Error;

    fn told(cause: impl Into<zbus::Error>) -> (Name, u8, String) {
        let failure = Failure::from(Error::from(cause.into()));
        (failure.name, failure.exit.code(), failure.message)
    }

    #[test]
    fn without_a_bus_the_socket_is_named() {
        let missing = Arc::new(io::Error::from(io::ErrorKind::NotFound));
        let (name, status, message) = told(zbus::Error::InputOutput(missing));
        assert_eq!((name, status), (Name::BusUnreachable, 3));
        assert!(message.contains("/run/dbus/system_bus_socket"), "{message}");
        assert!(message.contains("Is the D-Bus system bus running?"), "{message}");
    }

    #[test]
    fn without_a_daemon_the_way_to_its_log_is_told() {
        for error in [
            fdo::Error::ServiceUnknown("no such name".into()),
            fdo::Error::SpawnChildExited("exited with status 1".into()),
            fdo::Error::SpawnServiceNotFound("not found.".into()),
            fdo::Error::NoReply("did not answer".into()),
        ] {
            let (name, status, message) = told(error);
            assert_eq!((name, status), (Name::DaemonUnreachable, 3));
            assert!(message.contains("systemctl status twinlockd"), "{message}");
            assert!(!message.contains(".."), "{message}");
        }
        assert_eq!(
            by_name("org.freedesktop.systemd1.NoSuchUnit", "x").name,
            Name::DaemonUnreachable
        );
    }

    #[test]
    fn a_change_whose_answer_was_lost_is_not_called_undone() {
        let (_, _, message) = told(fdo::Error::NoReply("gone".into()));
        assert!(message.contains("may still have been done"), "{message}");
    }

    #[test]
    fn every_other_way_to_get_no_answer_is_three() {
        for (error, expected) in [
            (fdo::Error::AccessDenied("rejected".into()), Name::AccessDenied),
            (fdo::Error::UnknownMethod("no Begin".into()), Name::VersionMismatch),
            (fdo::Error::NoMemory("out".into()), Name::BusFailure),
        ] {
            let (name, status, _) = told(error);
            assert_eq!((name, status), (expected, 3));
        }
        assert_eq!(told(zbus::Error::InvalidReply).1, 3);
    }
}
