//! What would be changed, as people are used to read it.

use similar::TextDiff;

use super::journal::Edit;
use crate::printable;

/// Lines of the file around a change.
const AROUND: usize = 3;

/// The unified diff of one file.
pub(super) fn of(edit: &Edit) -> String {
    let text = |image: Option<&super::durable_file::Image>| {
        image.map(|image| String::from_utf8_lossy(&image.content).into_owned()).unwrap_or_default()
    };
    let (before, after) = (text(edit.before.as_ref()), text(edit.after.as_ref()));
    let path = edit.path.display().to_string();
    let name = |is_there: bool| if is_there { path.as_str() } else { "/dev/null" };
    let diff = TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(AROUND)
        .header(name(edit.before.is_some()), name(edit.after.is_some()))
        .to_string();
    // A terminal may show tabs, and nothing else that moves.
    let parts: Vec<_> = diff.split('\t').map(printable::paragraph).collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam::durable_file::Image;

    fn image(content: &[u8]) -> Option<Image> {
        Some(Image { mode: 0o644, uid: 0, gid: 0, content: content.to_vec() })
    }

    fn edit(before: Option<Image>, after: Option<Image>) -> Edit {
        Edit { path: "/etc/pam.d/sshd".into(), before, after, reworded: None }
    }

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        let before = image(b"1\n2\n3\n4\n5\n6\n7\n8\n");
        let after = image(b"1\n2\n3\n4\n5\nnew\n6\n7\n8\n");
        assert_eq!(
            of(&edit(before, after)),
            "--- /etc/pam.d/sshd\n+++ /etc/pam.d/sshd\n@@ -3,6 +3,7 @@\n 3\n 4\n 5\n+new\n 6\n 7\n 8\n"
        );
        assert!(of(&edit(None, image(b"x\n"))).starts_with("--- /dev/null\n+++ /etc/pam.d/sshd\n"));
    }

    #[test]
    fn a_file_cannot_drive_the_terminal() {
        let shown = of(&edit(image(b""), image(b"auth\trequired\x1b[2J\xff\n")));
        assert!(shown.contains("+auth\trequired\\u{1b}[2J\u{fffd}\n"), "{shown}");
    }
}
