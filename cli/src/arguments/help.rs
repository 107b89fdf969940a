//! What `--help` says after the list of options.

pub(super) const TWINLOCK: &str = "\
Exit status:
  0    done
  1    refused: wrong code, locked, not allowed, already or not enrolled, nothing
       typed; a policy that differs from its file
  2    the command line, or a policy file, was not understood
  3    twinlockd or the system bus is out of reach, or cannot decide now;
       `doctor` or `pam` without root
  130  interrupted with Ctrl-C

With --json the result is one JSON object per line on stdout, times are whole
seconds since 1970-01-01 UTC (null: not so), and an error is one line on stderr:
  {\"error\":{\"name\":\"WrongCode\",\"message\":\"...\"}}

Codes and keys are read from standard input or a file, never from the command
line, where every user of the host could see them.

Examples:
  twinlock enroll              enrol yourself
  twinlock status              how your account stands
  twinlock check               whether a code would be accepted
  sudo twinlock unlock alice   let alice try again after too many wrong codes
  sudo twinlock policy list    who must give a code";

pub(super) const ENROLL: &str = "\
Scan the QR code with any authenticator app, or type the key into it, then type
the code it shows. Only then does the enrolment count, and ten recovery codes are
shown, this once. Leaving at the prompt with Ctrl-C or Ctrl-D keeps the key
waiting for a while: run the command again to go on with the same one.

An account may have several authenticators. Who has one already is first asked
for a code from it, or for a recovery code; root is not. The recovery codes stay
as they are. A wrong code may be tried again three times.

A key that the phone has already is brought with one of --secret, --secret-file,
--key-uri-file and --qr-image; nothing is drawn then. Both file options take \"-\"
for standard input. Lines are read from there in this order: the key, the code
that lets an authenticator be added, the code that confirms it.

The QR code is drawn black on white on a terminal with colours. Without colours
(NO_COLOR, TERM=dumb, or output that is no terminal) it is drawn for a dark
terminal; say --qr=light for a light one. --qr=ascii, and any locale other than
UTF-8, draws it with \"##\" at twice the width.

--svg and --png write it to a new file as well, which only you can read. Who has
the picture has the key: delete it after scanning.

With --json there are two lines on stdout, the second after the code was right:
  {\"user\":\"alice\",\"key_uri\":\"otpauth://...\",\"secret\":\"...\",\"expires_at\":1795000000}
  {\"user\":\"alice\",\"recovery_codes\":[\"XXXX-XXXX-XXXX-XXXX\",...]}
\"key_uri\" and \"secret\" are null for a key that was brought. \"recovery_codes\" is
empty when the account keeps those it has. With --cancel there is one line:
  {\"user\":\"alice\",\"cancelled\":true}

Examples:
  twinlock enroll
  twinlock enroll --name tablet --algorithm sha256 --digits 8
  twinlock enroll --no-qr --png key.png
  twinlock enroll --qr-image screenshot.png
  sudo twinlock enroll alice
  twinlock enroll --cancel";

pub(super) const STATUS: &str = "\
With --json:
  {\"user\":\"alice\",\"state\":\"on\",\"since\":1795000000,\"required\":true,
   \"required_because\":\"...\",\"enroll_until\":null,
   \"authenticators\":[{\"name\":\"phone\",\"kind\":\"totp\",\"algorithm\":\"SHA1\",
    \"digits\":6,\"period\":30,\"confirmed_at\":1795000000,\"last_accepted_at\":null}],
   \"expires_at\":null,\"recovery_codes_left\":9,\"recovery_codes_used_at\":[1795000100],
   \"last_accepted_at\":null,\"failures\":0,\"locked_until\":null,\"closed\":false,
   \"locks\":[{\"lane\":\"unknown\",\"failures\":5,\"until\":1795000000}]}
on one line. \"state\" is \"off\", \"pending\" or \"on\"; \"required\" tells whether this
host asks for a code even without an authenticator; \"kind\" is \"totp\" or \"hotp\",
and \"period\" is 0 for the latter. \"enroll_until\" tells until when a login may
enrol without a ticket. A lane is \"local\", \"own-program\", \"unknown\", \"recovery\"
or a network; one without \"until\" stays closed until somebody opens it.

Examples:
  twinlock status
  sudo twinlock status alice
  twinlock status --json | jq .recovery_codes_left";

pub(super) const CHECK: &str = "\
Asks for a code and judges it as a login would, which spends it: the next login
takes the next code. Tells which authenticator makes it, how many seconds its
clock is off, and whether the clock of this host is synchronised.

Exit status 1 also stands for a code that was used before and for one of another
time. With --json there is a line on stdout for these, too, before the error:
  {\"user\":\"alice\",\"outcome\":\"accepted\",\"authenticator\":\"phone\",
   \"offset_seconds\":-30,\"clock_synchronised\":true}
on one line. \"outcome\" is \"accepted\", \"spent\" or \"out-of-window\". The offset is
negative when the phone is behind, and null for a spent code and for one that is
counted (hotp). \"clock_synchronised\" is null when the kernel does not say.

Examples:
  twinlock check
  sudo twinlock check alice";

pub(super) const CODES: &str = "\
Tells how many recovery codes are left and when the others of the set were used.
An account that is called \"renew\" is named after two dashes: twinlock codes -- renew

With --json:
  {\"user\":\"alice\",\"recovery_codes_left\":9,\"recovery_codes_used_at\":[1795000100]}

Examples:
  twinlock codes
  sudo twinlock codes alice
  twinlock codes renew";

pub(super) const RENEW: &str = "\
Takes a fresh code from the app. The ten new codes are shown this once, and the
old ones are dead, used or not.

With --json:
  {\"user\":\"alice\",\"recovery_codes\":[\"XXXX-XXXX-XXXX-XXXX\",...]}

Examples:
  twinlock codes renew
  sudo twinlock codes renew alice";

pub(super) const RENAME: &str = "\
Takes a fresh code from an app, or an unused recovery code. `twinlock status`
shows the names.

With --json:
  {\"user\":\"alice\",\"authenticator\":\"phone\",\"name\":\"old phone\",\"renamed\":true}

Examples:
  twinlock rename phone 'old phone'
  sudo twinlock rename phone tablet --user alice";

pub(super) const REMOVE: &str = "\
Takes a fresh code from the app, or an unused recovery code when the phone is
gone. With several authenticators, name one or say --all. The recovery codes are
removed with the last.

With --json (\"authenticator\" is null when all of them are removed):
  {\"user\":\"alice\",\"authenticator\":\"tablet\",\"removed\":true}

Examples:
  twinlock remove
  twinlock remove --authenticator tablet
  sudo twinlock remove --all alice";

pub(super) const TICKET: &str = "\
For administrators. Makes a ticket for an account without an authenticator and
shows it, this once. Hand it to its owner by a safe way: typed where an ordinary
login asks for the one-time code, it lets that login enrol. It is good once; a
new one replaces it.

With --json:
  {\"user\":\"alice\",\"ticket\":\"XXXX-XXXX-XXXX-XXXX\",\"expires_at\":1795000000}

Examples:
  sudo twinlock ticket alice";

pub(super) const UNLOCK: &str = "\
For administrators. Forgets the account's failed attempts, so that a right code
is accepted again at once.

With --json:
  {\"user\":\"alice\",\"unlocked\":true}

Examples:
  sudo twinlock unlock alice";

pub(super) const RESET: &str = "\
For administrators, when phone and recovery codes are both lost. Removes the
account's authenticators, recovery codes, pending enrolment, ticket and failed
attempts without asking for a code. On a terminal the account name has to be
typed once more; elsewhere --yes is needed.

With --json:
  {\"user\":\"alice\",\"reset\":true}

Examples:
  sudo twinlock reset alice
  sudo twinlock reset --yes alice";

#[cfg(test)]
mod tests {
    use crate::failure::Failure;

    #[test]
    fn the_exit_status_of_who_is_not_root_is_told() {
        let status = Failure::needs_root("Only root can.").exit.code().to_string();
        let (_, statuses) = super::TWINLOCK.split_once("Exit status:\n").unwrap();
        let (_, told) = statuses.split_once(&format!("\n  {status}    ")).unwrap();
        let (told, _) = told.split_once("\n  1").unwrap();
        assert!(told.contains("`doctor` or `pam` without root"), "{told}");
    }
}
