//! `twinlock doctor`.

pub(super) const DOCTOR: &str = "\
For root. Reads every file in /etc/pam.d that names the module and those it
includes, asks sshd what is in force (sshd -T), reads sudoers, and looks at clock,
disk, permissions, bus, daemon, key, database and policy. Nothing is changed.

Every finding says what is wrong, what could happen and what to type:
  PROBLEM  somebody gets in without what they should be asked for, or nobody does
  WARNING  it holds today, but is weaker than it looks, or will break
  NOTE     good to know, and often meant so

Exit status:
  0    nothing is wrong; there may be notes
  1    there are problems or warnings, counted on stderr
  2    the command line was not understood
  3    it could not look: it needs root

With --json there is one object, on one line, the worst findings first:
  {\"findings\":[{\"name\":\"sufficient-before-code\",\"severity\":\"problem\",
   \"file\":\"/etc/pam.d/sshd\",\"line\":4,\"services\":[\"sshd\"],\"what\":\"...\",
   \"risk\":\"...\",\"advice\":\"...\"}],\"problems\":1,\"warnings\":0,\"notes\":0,
   \"services\":[\"sshd\",\"sudo\"]}
\"file\" and \"line\" are null where there is none; \"services\" are PAM services. The
names of findings stay the same from version to version.

Examples:
  sudo twinlock doctor
  sudo twinlock doctor --json | jq -r '.findings[] | .name'";
