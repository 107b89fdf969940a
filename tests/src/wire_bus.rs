//! A bus of one's own, down to the byte: it hears all that a module says, and says what no real
//! bus would.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use twinlock_interface::{Step, step::WireStep};
use zbus::{Message, wire::DynamicType};

/// What the bus says to whoever authenticates as the module does.
pub const AGREED: &[u8] = b"DATA\r\nOK 8c55f4e20f82d2552fb382c46b003000\r\n";
/// What the module says before its messages.
const AUTHENTICATION: usize = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n".len();

/// A socket on which a script plays the bus.
#[derive(Debug)]
pub struct WireBus {
    path: String,
    heard: Arc<Mutex<Vec<u8>>>,
    connections: Arc<AtomicUsize>,
}

/// One connection to it.
#[derive(Debug)]
pub struct Caller {
    /// How many came before.
    pub nth: usize,
    stream: UnixStream,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl WireBus {
    /// Listens at `path` and plays `script` to every connection, one after the other.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start(path: &str, mut script: impl FnMut(Caller) + Send + 'static) -> Self {
        if let Some(room) = Path::new(path).parent() {
            fs::create_dir_all(room).unwrap();
        }
        let listener = UnixListener::bind(path).unwrap();
        let (heard, connections) = <(Arc<Mutex<Vec<u8>>>, Arc<AtomicUsize>)>::default();
        let bus = Self {
            path: path.to_owned(),
            heard: Arc::clone(&heard),
            connections: Arc::clone(&connections),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let nth = connections.fetch_add(1, Ordering::SeqCst);
                script(Caller { nth, stream, heard: Arc::clone(&heard) });
            }
        });
        bus
    }

    /// A bus whose daemon says these steps, one for each call: the first is `Begin`'s.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn saying(path: &str, steps: Vec<Step>) -> Self {
        let at_once = |step| (Duration::ZERO, step);
        Self::saying_after(path, steps.into_iter().map(at_once).collect())
    }

    /// The same, with a pause before each.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn saying_after(path: &str, steps: Vec<(Duration, Step)>) -> Self {
        Self::start(path, move |mut caller| {
            let (pause, step) = steps[caller.nth % steps.len()].clone();
            let step = WireStep::from(step);
            let Ok((hello, call)) = caller.request() else { return };
            thread::sleep(pause);
            let reply = if caller.nth.is_multiple_of(steps.len()) {
                returned(call, &("handle", step))
            } else {
                returned(call, &(step,))
            };
            caller.say(&[AGREED, &returned(hello, &":1.1"), &reply].concat());
        })
    }

    /// The option that leads a module here.
    #[must_use]
    pub fn option(&self) -> String {
        format!("bus=unix:path={}", self.path)
    }

    /// Every byte that was heard.
    pub fn heard(&self) -> MutexGuard<'_, Vec<u8>> {
        self.heard.lock().unwrap()
    }

    /// How often somebody connected.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Caller {
    /// Hears a whole request: the serials of `Hello` and of the call.
    ///
    /// # Errors
    /// When the caller hangs up before.
    pub fn request(&mut self) -> io::Result<(u32, u32)> {
        self.hear(AUTHENTICATION)?;
        Ok((self.message()?, self.message()?))
    }

    /// Says something. A caller that hung up hears nothing.
    pub fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Hears exactly `count` bytes.
    ///
    /// # Errors
    /// When the caller hangs up before.
    pub fn hear(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        self.heard.lock().unwrap().extend(&bytes);
        Ok(bytes)
    }

    /// Hears one message and returns its serial (D-Bus specification, "Message Format").
    fn message(&mut self) -> io::Result<u32> {
        let fixed = self.hear(16)?;
        let number = |at: usize| u32::from_le_bytes(fixed[at..at + 4].try_into().unwrap());
        let fields = number(12).next_multiple_of(8);
        self.hear((fields + number(4)).try_into().unwrap())?;
        Ok(number(8))
    }
}

/// A reply to the call with this serial.
///
/// # Panics
/// When `body` cannot be sent.
#[must_use]
pub fn returned<B: serde::Serialize + DynamicType>(serial: u32, body: &B) -> Vec<u8> {
    let call = Message::method_call("/x", "Y").serial(serial.try_into().unwrap());
    let call = call.build(&()).unwrap();
    Message::method_return(&call.header()).build(body).unwrap().data().to_vec()
}
