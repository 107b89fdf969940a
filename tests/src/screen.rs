//! A picture of a terminal: tmux is the terminal, this draws what it shows, zbarimg looks at it.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::command::{as_root, run};

const SOCKET: &str = "/run/sandbox/tmux";
/// A large terminal.
const SIZE: Size = Size { columns: 120, rows: 70 };
/// Pixels of one character: twice as high as wide, as on most terminals.
const WIDTH: usize = 8;
const HEIGHT: usize = 16;
/// Brightness of a terminal that nobody has told any colour: light grey on black.
const FOREGROUND: u8 = 220;
const BACKGROUND: u8 = 0;

/// Characters on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Side by side.
    pub columns: usize,
    /// One below the other.
    pub rows: usize,
}

/// A program on a screen.
#[derive(Debug)]
pub struct Screen(Size);

impl Screen {
    /// Starts `command` on a large screen of its own; one at a time in a sandbox.
    ///
    /// # Panics
    /// When tmux does not start.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        Self::start_at(SIZE, command)
    }

    /// Starts `command` on a screen of its own; one at a time in a sandbox.
    ///
    /// # Panics
    /// When tmux does not start, or gives it another size.
    #[must_use]
    pub fn start_at(size: Size, command: &Command) -> Self {
        let (columns, rows) = (size.columns.to_string(), size.rows.to_string());
        // Its status line would take one of the rows.
        let mut tmux = tmux(&["start-server", ";", "set-option", "-g", "status", "off", ";"]);
        tmux.args(["new-session", "-d", "-x", &columns, "-y", &rows]);
        // The program leaves its last words on the screen.
        tmux.args(["--", "env", "-i", "sh", "-c", "\"$@\"; sleep 600", "screen", "env"]);
        for (name, value) in command.get_envs() {
            // The terminal tells the program what it is.
            if let Some(value) = value.filter(|_| name != "TERM") {
                tmux.arg(format!("{}={}", name.to_str().unwrap(), value.to_str().unwrap()));
            }
        }
        tmux.arg("TERM=screen-256color").arg(command.get_program()).args(command.get_args());
        run(&mut tmux, "").expect_success("tmux");
        let screen = Self(size);
        assert_eq!(screen.rows().len(), size.rows, "{size:?}");
        screen
    }

    /// Types `line` and the return key.
    ///
    /// # Panics
    /// When the screen is gone.
    pub fn type_line(&self, line: &str) {
        run(&mut tmux(&["send-keys", "-l", line]), "").expect_success("tmux");
        self.press("Enter");
    }

    /// Presses a key by its tmux name, such as `C-c`.
    ///
    /// # Panics
    /// When the screen is gone.
    pub fn press(&self, key: &str) {
        run(&mut tmux(&["send-keys", key]), "").expect_success("tmux");
    }

    /// What the screen shows, without colours; long lines are joined again.
    ///
    /// # Panics
    /// When the screen is gone.
    #[must_use]
    pub fn text(&self) -> String {
        run(&mut tmux(&["capture-pane", "-p", "-J"]), "").expect_success("tmux").stdout
    }

    /// What stands in each row of the screen.
    ///
    /// # Panics
    /// When the screen is gone.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        let shown = run(&mut tmux(&["capture-pane", "-p"]), "").expect_success("tmux").stdout;
        shown.lines().map(str::to_owned).collect()
    }

    /// Waits until the screen shows `text`, and returns all it shows.
    ///
    /// # Panics
    /// When it does not within 30 seconds.
    #[must_use]
    pub fn expect(&self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let shown = self.text();
            if shown.contains(text) {
                return shown;
            }
            assert!(Instant::now() < end, "no {text:?} on the screen:\n{shown}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a camera reads from the QR code on the screen.
    ///
    /// # Panics
    /// When it reads none.
    #[must_use]
    pub fn scan(&self) -> String {
        self.try_to_scan().unwrap_or_else(|| panic!("no QR code in:\n{}", self.text()))
    }

    /// What a camera reads from the QR code on the screen, if it reads any.
    ///
    /// # Panics
    /// When the screen is gone.
    #[must_use]
    pub fn try_to_scan(&self) -> Option<String> {
        let shown = run(&mut tmux(&["capture-pane", "-p", "-e", "-N"]), "").expect_success("tmux");
        let picture = "/run/sandbox/screen.pgm";
        fs::write(picture, photograph(&shown.stdout, self.0)).unwrap();
        let mut camera = as_root("zbarimg");
        camera.args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture]);
        let read = run(&mut camera, "");
        read.succeeded().then(|| read.stdout.trim_end().to_owned())
    }
}

fn tmux(arguments: &[&str]) -> Command {
    let mut command = as_root("tmux");
    command.args(["-u", "-f", "/dev/null", "-S", SOCKET]).args(arguments);
    command
}

/// Draws text with colour sequences as a grey PGM picture. Letters are left out, blocks are what
/// QR codes are made of.
fn photograph(text: &str, Size { columns, rows }: Size) -> Vec<u8> {
    let mut pixels = vec![BACKGROUND; columns * WIDTH * rows * HEIGHT];
    let mut ink = Ink::default();
    for (row, line) in text.lines().take(rows).enumerate() {
        let mut column = 0;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            if character == '\u{1b}' {
                let sequence: String = characters.by_ref().take_while(|c| *c != 'm').collect();
                ink.obey(sequence.trim_start_matches('['));
                continue;
            }
            if column < columns {
                let (upper, lower) = ink.halves(character);
                for y in 0..HEIGHT {
                    let start = (row * HEIGHT + y) * columns * WIDTH + column * WIDTH;
                    pixels[start..start + WIDTH].fill(if y < HEIGHT / 2 { upper } else { lower });
                }
            }
            column += 1;
        }
    }
    let mut picture = format!("P5 {} {} 255\n", columns * WIDTH, rows * HEIGHT).into_bytes();
    picture.extend(pixels);
    picture
}

/// Brightness of what is written and of the ground behind it.
struct Ink {
    foreground: u8,
    background: u8,
}

impl Default for Ink {
    fn default() -> Self {
        Self { foreground: FOREGROUND, background: BACKGROUND }
    }
}

impl Ink {
    fn halves(&self, character: char) -> (u8, u8) {
        let (f, b) = (self.foreground, self.background);
        match character {
            '█' | '#' => (f, f),
            '▀' => (f, b),
            '▄' => (b, f),
            _ => (b, b),
        }
    }

    /// "Select graphic rendition" (ECMA-48 8.3.117) with the 256 colours of xterm.
    fn obey(&mut self, sequence: &str) {
        let mut codes = sequence.split(';').map(|code| code.parse().unwrap_or(0_u8));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                39 => self.foreground = FOREGROUND,
                49 => self.background = BACKGROUND,
                30..=37 => self.foreground = brightness(code - 30),
                40..=47 => self.background = brightness(code - 40),
                38 | 48 => {
                    assert_eq!(codes.next(), Some(5), "only indexed colours are known here");
                    let colour = brightness(codes.next().unwrap_or(0));
                    if code == 38 { self.foreground = colour } else { self.background = colour }
                }
                _ => {}
            }
        }
    }
}

fn brightness(colour: u8) -> u8 {
    match colour {
        0 | 8 => 0,
        1..=15 => FOREGROUND,
        // A cube of six levels of red, green and blue.
        16..=231 => {
            let (red, green, blue) = ((colour - 16) / 36, (colour - 16) / 6 % 6, (colour - 16) % 6);
            (red + green + blue) * (255 / 15)
        }
        232.. => (colour - 232) * 10 + 8,
    }
}
