//! Exchanges with a scripted bus on a real socket.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::*;
use reply::Header;

const AGREED: &[u8] = b"DATA\r\nOK 8c55f4e20f82d2552fb382c46b003000\r\n";

/// A bus that plays one script, on a socket of its own.
struct Bus {
    directory: PathBuf,
    script: Option<JoinHandle<()>>,
}

impl Bus {
    fn playing(script: impl FnOnce(UnixListener) + Send + 'static) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("twinlock-bus-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("socket")).unwrap();
        Self { directory, script: Some(thread::spawn(move || script(listener))) }
    }

    /// Reads one exchange's request and answers what `script` makes of its two serials.
    fn answering(script: impl FnOnce(u32, u32) -> Vec<u8> + Send + 'static) -> Self {
        Self::playing(move |listener| {
            let (mut stream, _) = listener.accept().unwrap();
            let (hello, call) = request(&mut stream);
            let _cut_short = stream.write_all(&script(hello, call));
        })
    }

    fn daemon(&self) -> BusDaemon {
        self.daemon_within(Duration::from_secs(10))
    }

    fn daemon_within(&self, deadline: Duration) -> BusDaemon {
        let address = format!("unix:path={}/socket", self.directory.display());
        BusDaemon::new(BusAddress::parse(&address).unwrap(), deadline)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        if thread::panicking() {
            // The script may still wait for an exchange that will not come.
            drop(UnixStream::connect(self.directory.join("socket")));
        }
        let played = self.script.take().unwrap().join();
        std::fs::remove_dir_all(&self.directory).unwrap();
        assert!(played.is_ok() || thread::panicking(), "the script failed");
    }
}

/// Reads a whole request and returns the serials of `Hello` and of the call.
fn request(stream: &mut UnixStream) -> (u32, u32) {
    let authentication = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
    let mut start = vec![0; authentication.len()];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(start, authentication);
    (message(stream), message(stream))
}

fn message(stream: &mut UnixStream) -> u32 {
    let mut message = vec![0; reply::FIXED_BYTES];
    stream.read_exact(&mut message).unwrap();
    let length = Header::message_length(&message).unwrap();
    let mut rest = vec![0; length - reply::FIXED_BYTES];
    stream.read_exact(&mut rest).unwrap();
    u32::from_le_bytes(message[8..12].try_into().unwrap())
}

fn call_with(serial: u32) -> Message {
    Message::method_call("/x", "Y").serial(serial.try_into().unwrap()).build(&()).unwrap()
}

fn returned<B: serde::Serialize + zbus::wire::DynamicType>(serial: u32, body: &B) -> Vec<u8> {
    Message::method_return(&call_with(serial).header()).build(body).unwrap().data().to_vec()
}

fn failed(serial: u32, name: &str) -> Vec<u8> {
    Message::error(&call_with(serial).header(), name).build(&"why").unwrap().data().to_vec()
}

fn name_acquired() -> Vec<u8> {
    let signal = Message::signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameAcquired");
    signal.build(&":1.1").unwrap().data().to_vec()
}

fn ask() -> WireStep {
    WireStep { kind: "ask".into(), text: "Code: ".into(), echo: false }
}

fn begin(daemon: &mut BusDaemon) -> Result<(String, WireStep), Failure> {
    daemon.begin("alice", &LoginContext::default())
}

#[test]
fn the_default_is_the_fixed_address() {
    assert_eq!(Some(BusAddress::default()), BusAddress::parse(names::SYSTEM_BUS_ADDRESS));
}

#[test]
fn a_reply_is_found_among_other_traffic() {
    let bus = Bus::answering(|hello, call| {
        let late = returned(call + 1000, &"somebody else's");
        [AGREED, &returned(hello, &":1.1"), &name_acquired(), &late, &returned(call, &("h", ask()))]
            .concat()
    });
    assert_eq!(begin(&mut bus.daemon()), Ok(("h".into(), ask())));
}

#[test]
fn a_reply_may_arrive_byte_by_byte() {
    let bus = Bus::playing(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        let (hello, call) = request(&mut stream);
        let answer = [AGREED, &returned(hello, &":1.1"), &returned(call, &("h", ask()))].concat();
        for byte in answer {
            stream.write_all(&[byte]).unwrap();
            thread::yield_now();
        }
    });
    assert_eq!(begin(&mut bus.daemon()), Ok(("h".into(), ask())));
}

#[test]
fn a_step_alone_and_its_fields_as_arguments_are_the_same_answer() {
    let bus = Bus::answering(|hello, call| {
        [AGREED, &returned(hello, &":1.1"), &returned(call, &(ask(),))].concat()
    });
    assert_eq!(bus.daemon().answer("h", "123456"), Ok(ask()));
    let bus = Bus::answering(|hello, call| {
        [AGREED, &returned(hello, &":1.1"), &returned(call, &ask())].concat()
    });
    assert_eq!(bus.daemon().answer("h", "123456"), Ok(ask()));
}

#[test]
fn error_replies_are_failures_known_by_name() {
    let bus = Bus::answering(|hello, call| {
        let error = failed(call, "org.twinlock.Twinlock1.Error.NoSuchSession");
        [AGREED, &returned(hello, &":1.1"), &error].concat()
    });
    let name = "org.twinlock.Twinlock1.Error.NoSuchSession".to_owned();
    assert_eq!(bus.daemon().answer("h", "123456"), Err(Failure::Answered(name)));

    let bus = Bus::answering(|hello, _| {
        [AGREED, &failed(hello, "org.freedesktop.DBus.Error.LimitsExceeded")].concat()
    });
    let name = "org.freedesktop.DBus.Error.LimitsExceeded".to_owned();
    assert_eq!(begin(&mut bus.daemon()), Err(Failure::Answered(name)));
}

#[test]
fn a_bus_that_does_not_let_us_in_is_left() {
    for answer in [&b"REJECTED EXTERNAL\r\n"[..], b"DATA\r\nREJECTED\r\n", b"OK 8c55\r\n"] {
        let bus = Bus::answering(|_, _| answer.to_vec());
        assert_eq!(begin(&mut bus.daemon()), Err(Failure::Rejected));
    }
}

#[test]
fn what_the_contract_does_not_know_is_malformed() {
    let bus = Bus::answering(|_, call| [AGREED, &returned(call, &"h")].concat());
    assert_eq!(begin(&mut bus.daemon()), Err(Failure::Malformed));

    let bus = Bus::answering(|_, _| vec![b'x'; 4096]);
    assert_eq!(begin(&mut bus.daemon()), Err(Failure::Malformed));

    let bus = Bus::answering(|_, _| [AGREED, b"not a message at all"].concat());
    assert_eq!(begin(&mut bus.daemon()), Err(Failure::Malformed));

    // A message of nearly 4 GiB is announced.
    let bus = Bus::answering(|_, _| [AGREED, b"l\x02\x00\x01\xf0\xff\xff\xff", &[1; 8]].concat());
    assert_eq!(begin(&mut bus.daemon()), Err(Failure::Malformed));
}

#[test]
fn a_question_with_a_picture_in_it_is_read_whole() {
    // Half blocks of a QR code are three bytes each.
    let question = WireStep { text: "\u{2588}\u{2580}\u{2584}\n".repeat(2048), ..ask() };
    assert!(question.text.len() > 16 * 1024);
    let step = question.clone();
    let bus = Bus::answering(move |hello, call| {
        [AGREED, &returned(hello, &":1.1"), &returned(call, &("h", step))].concat()
    });
    assert_eq!(begin(&mut bus.daemon()), Ok(("h".into(), question)));
}

#[test]
fn a_flood_is_not_read() {
    let flood = WireStep { text: "x".repeat(64 * 1024), ..ask() };
    let bus = Bus::answering(move |hello, call| {
        [AGREED, &returned(hello, &":1.1"), &returned(call, &("h", flood))].concat()
    });
    assert_eq!(begin(&mut bus.daemon()), Err(Failure::Malformed));
}

#[test]
fn a_bus_that_is_absent_is_a_failure_and_not_a_wait() {
    let address = BusAddress::parse("unix:path=/nonexistent/bus").unwrap();
    let mut daemon = BusDaemon::new(address, Duration::from_secs(30));
    let started = Instant::now();
    assert_eq!(begin(&mut daemon), Err(Failure::Socket(io::ErrorKind::NotFound)));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_bus_that_hangs_up_is_a_failure_and_not_a_wait() {
    let bus = Bus::answering(|hello, _| [AGREED, &returned(hello, &":1.1")].concat());
    let started = Instant::now();
    assert_eq!(begin(&mut bus.daemon()), Err(Failure::Socket(io::ErrorKind::UnexpectedEof)));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_silent_bus_costs_the_deadline_and_no_more() {
    let bus = Bus::playing(|listener| {
        let (_never_spoken_to, _) = listener.accept().unwrap();
        thread::sleep(Duration::from_millis(600));
    });
    let started = Instant::now();
    let mut daemon = bus.daemon_within(Duration::from_millis(200));
    assert_eq!(begin(&mut daemon), Err(Failure::Deadline));
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(200) && waited < Duration::from_secs(2), "{waited:?}");
}

#[test]
fn every_exchange_has_the_deadline_for_itself() {
    let bus = Bus::playing(|listener| {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let (hello, call) = request(&mut stream);
            thread::sleep(Duration::from_millis(800));
            let answer = [AGREED, &returned(hello, &":1.1"), &returned(call, &(ask(),))].concat();
            stream.write_all(&answer).unwrap();
        }
    });
    let mut daemon = bus.daemon_within(Duration::from_secs(2));
    for exchange in 0..3 {
        assert_eq!(daemon.answer("h", "123456"), Ok(ask()), "{exchange}");
    }
}
