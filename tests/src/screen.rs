//! A picture of a terminal: tmux is the terminal, this draws what it shows, zbarimg looks at it.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::command::{as_root, run};

const SOCKET: &str = "/run/sandbox/tmux";
const COLUMNS: usize = 120;
const ROWS: usize = 70;
/// Pixels of one character: twice as high as wide, as on most terminals.
const WIDTH: usize = 8;
const HEIGHT: usize = 16;
/// Brightness of a terminal that nobody has told any colour: light grey on black.
const FOREGROUND: u8 = 220;
const BACKGROUND: u8 = 0;

/// A program on a screen.
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Starts `command` on a screen of its own; one at a time in a sandbox.
    ///
    /// # Panics
    /// When tmux does not start.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        let (columns, rows) = (COLUMNS.to_string(), ROWS.to_string());
        let mut tmux = tmux(&["new-session", "-d", "-x", &columns, "-y", &rows]);
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
        Self(())
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
        let shown = run(&mut tmux(&["capture-pane", "-p", "-e", "-N"]), "").expect_success("tmux");
        let picture = "/run/sandbox/screen.pgm";
        fs::write(picture, photograph(&shown.stdout)).unwrap();
        let mut camera = as_root("zbarimg");
        camera.args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture]);
        let read = run(&mut camera, "");
        assert!(read.succeeded(), "no QR code in the picture of:\n{}", self.text());
        read.stdout.trim_end().to_owned()
    }
}

fn tmux(arguments: &[&str]) -> Command {
    let mut command = as_root("tmux");
    command.args(["-u", "-f", "/dev/null", "-S", SOCKET]).args(arguments);
    command
}

/// Draws text with colour sequences as a grey PGM picture. Letters are left out, blocks are what
/// QR codes are made of.
fn photograph(text: &str) -> Vec<u8> {
    let mut pixels = vec![BACKGROUND; COLUMNS * WIDTH * ROWS * HEIGHT];
    let mut ink = Ink::default();
    for (row, line) in text.lines().take(ROWS).enumerate() {
        let mut column = 0;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            if character == '\u{1b}' {
                let sequence: String = characters.by_ref().take_while(|c| *c != 'm').collect();
                ink.obey(sequence.trim_start_matches('['));
                continue;
            }
            if column < COLUMNS {
                let (upper, lower) = ink.halves(character);
                for y in 0..HEIGHT {
                    let start = (row * HEIGHT + y) * COLUMNS * WIDTH + column * WIDTH;
                    pixels[start..start + WIDTH].fill(if y < HEIGHT / 2 { upper } else { lower });
                }
            }
            column += 1;
        }
    }
    let mut picture = format!("P5 {} {} 255\n", COLUMNS * WIDTH, ROWS * HEIGHT).into_bytes();
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
