//! What `twinlock policy --help` says after the list of options.

pub(in crate::arguments) const POLICY: &str = "\
A rule says of whom, for which services and from where a code is asked for:
  required  everybody gives one; who has no authenticator enrols, or is refused
  optional  who has an authenticator gives one
  exempt    nobody gives one
Of the rules that fit a login those of the narrowest scope count (user, group,
everyone), and of these the strictest. The order in which they were made is of no
matter. Where none fits, a code is required. A group that cannot be looked up, and
a place that the host program does not tell, count as the stricter case.

A date is written 2030-01-31 (its first moment where the host stands),
2030-01-31T12:00:00Z, or as a duration from now: 90s, 30m, 12h, 7d, 2w.

A change is refused if it would take your own account, or root's, its way in:
--even-if-locked-out does it all the same. With --dry-run everything is looked at
and nothing changed.

Examples:
  twinlock policy list
  sudo twinlock policy require --group wheel --service sshd
  twinlock policy explain alice --service sshd --from 192.0.2.7";

pub(super) const LIST: &str = "\
The first rule that fits a login decides; those beside it, of the same scope and
level, have their say in when to enrol and what to remember.

With --json:
  {\"revision\":3,\"profile\":\"default\",\"lock_after\":5,\"lock_seconds\":900,
   \"lock_at_most_seconds\":86400,\"close_after\":100,\"rules\":[{\"id\":7,
   \"level\":\"required\",\"scope\":\"group\",\"name\":\"wheel\",\"services\":[\"sshd\"],
   \"from\":[],\"enroll_until\":1795000000,\"remember_minutes\":0,\"until\":null,
   \"ended\":false,\"reason\":\"\",\"message\":\"\",\"author\":\"alice\",
   \"created_at\":1794000000}]}
on one line, rules by their numbers. What is built in is no rule there.

Examples:
  twinlock policy list
  twinlock policy list --json | jq '.rules[] | select(.ended) | .id'";

pub(super) const REQUIRE: &str = "\
Who has no authenticator enrols in a login until --enroll-until, behind the
password or key; afterwards it takes a ticket (`twinlock ticket`), and without one
the login is refused with the words of --message.

With --json, as all that changes the policy (\"id\" is null in a dry run):
  {\"revision\":4,\"changed\":true,\"profile\":null,\"removed\":[],\"added\":[{\"id\":8,
   \"level\":\"required\",...}]}
on one line. `twinlock policy list --help` shows a whole rule.

Examples:
  sudo twinlock policy require --group wheel --service sshd
  sudo twinlock policy require --everyone --enroll-until 2030-01-31
  sudo twinlock policy require --group staff --service sshd --remember 8h
  sudo twinlock policy require --user root --from 192.0.2.0/24 --no-enroll";

pub(super) const OPTIONAL: &str = "\
Without a rule everybody is required to give a code. This is how a host is
switched on gently: first optional for everyone, then required group by group.

With --json as `twinlock policy require`.

Examples:
  sudo twinlock policy optional --everyone --until 30d --reason 'introduction'
  sudo twinlock policy optional --group guests --service sudo";

pub(super) const EXEMPT: &str = "\
For robots and emergencies. An exemption has a reason and an end, which `twinlock
policy list` and `explain` show; once it has ended it is as if gone.

With --json as `twinlock policy require`.

Examples:
  sudo twinlock policy exempt --user backup --service sshd --from 10.0.0.7/32 \\
      --until 2030-01-31 --reason 'nightly copy, ticket 4711'
  sudo twinlock policy exempt --user admin --from local --no-end \\
      --reason 'the console is behind a locked door'";

pub(super) const REMOVE: &str = "\
All of them or none. With --json as `twinlock policy require`.

Examples:
  sudo twinlock policy remove 3
  sudo twinlock policy remove 3 7 --dry-run";

pub(super) const PROFILE: &str = "\
Without a name it tells the numbers that are in force, in which the settings of
/etc/twinlock/twinlock.toml have their say.

With --json:
  {\"profile\":\"default\",\"lock_after\":5,\"lock_seconds\":900,
   \"lock_at_most_seconds\":86400,\"close_after\":100}
on one line, and with a name as `twinlock policy require`.

Examples:
  twinlock policy profile
  sudo twinlock policy profile stig";

pub(super) const EXPLAIN: &str = "\
People may ask about themselves; about others only administrators.

With --json:
  {\"user\":\"alice\",\"service\":\"sshd\",\"from\":\"192.0.2.7\",\"level\":\"required\",
   \"outlook\":\"asks-for-code\",\"enroll_until\":null,\"remember_minutes\":0,
   \"message\":\"\",\"locked_until\":null,\"judged\":[{\"rule\":7,
   \"standing\":\"decides\",\"guessed\":false}],\"rules\":[{\"id\":7,...}]}
on one line. \"outlook\" is asks-for-code, not-asked, remembered, enrolls, refused
or locked. \"standing\" is decides, milder (one of the same scope is stricter),
wider (one of a narrower scope fits), ended, other-service, other-place or
other-account; where none decides, what is built in does. \"guessed\" tells that a
group or the place could not be told. `twinlock policy list --help` shows a whole
rule.

Examples:
  twinlock policy explain
  sudo twinlock policy explain alice --service sshd --from 192.0.2.7
  sudo twinlock policy explain alice --service login --from local
  sudo twinlock policy explain alice --service sudo --from terminal";

pub(super) const EXPORT: &str = "\
Always in the same order, so that two exports of one policy are the same file.
`twinlock policy apply --help` describes it. With --json the file is one string:
  {\"toml\":\"profile = ...\"}

Examples:
  sudo twinlock policy export > policy.toml";

pub(super) const DIFF: &str = "\
Exit status 0: the file and the policy are the same; 1: they differ, which is the
error \"PolicyDiffers\" with --json, or the daemon refused; 2: the file could not be
read or is no policy.

With --json as `twinlock policy require`; \"changed\" is false.

Examples:
  sudo twinlock policy diff -f policy.toml";

pub(super) const APPLY: &str = "\
The file is the whole policy: rules that are not in it are removed. It is checked
first, then what changes is shown, and then all of it is done or nothing. A rule
that stays as it is keeps its number, author and date.

The file is TOML:
  profile = \"default\"           # or cis, stig, pci; without it as it is

  [[rule]]
  level = \"required\"            # or optional, exempt
  group = \"wheel\"               # or user = \"alice\", or everyone = true
  services = [\"sshd\", \"sudo\"]   # without it all
  from = [\"192.0.2.0/24\", \"local\"]  # without it everywhere
  enroll_until = 2030-01-31     # required only; without it it takes a ticket
  remember_minutes = 30         # with services, and not for exempt
  reason = \"ticket 4711\"
  message = \"Call 4711.\"        # required only

  [[rule]]
  level = \"exempt\"
  user = \"backup\"
  until = 2030-01-31T12:00:00Z  # optional and exempt; without it no end
  reason = \"nightly copy\"
A date without an offset is meant where the host stands. A key that is not listed
here is an error, and so is an empty file.

With --json as `twinlock policy require`.

Examples:
  sudo twinlock policy apply -f policy.toml --dry-run
  generate-policy | sudo twinlock policy apply -f -";
