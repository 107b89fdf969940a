//! Nothing but an explicit `accept` lets anybody in, whoever plays the daemon (I8).

use std::{thread, time::Duration};

use twinlock_interface::{
    LoginContext, Step,
    names::{LOGIN, OBJECT_PATH},
    step::WireStep,
};
use twinlock_tests::{
    fake_daemon, in_sandbox, pam,
    pam_client::Code,
    pam_host::{self, PamHost, Report},
    wire_bus::{AGREED, Caller, WireBus, returned},
};
use zbus::{Message, message::Header, wire::DynamicType};

/// As the recipe for a service that asks for a code alone has it.
fn service(options: &str) {
    pam_host::install(env!("CARGO_BIN_EXE_pam-host"));
    let module = format!("{} timeout=1 {options}", pam::TWINLOCK);
    pam::service("code", &[&module, "auth required pam_permit.so"]);
}

fn login(user: &str) -> Report {
    PamHost::new().authenticate("code", user).answering(&["123456"; 20])
}

#[track_caller]
fn assert_unavailable(report: &Report, what: &str) {
    assert_eq!(report.code(), Code::AUTHINFO_UNAVAIL, "{what}: {report:?}");
    assert!(report.took() < Duration::from_secs(2), "{what}: {report:?}");
    assert_eq!(report.traces(), [""; 0], "{what}");
}

fn word(kind: &str) -> WireStep {
    WireStep { kind: kind.to_owned(), text: String::new(), echo: false }
}

/// Makes a reply of a call's header.
type Reply = Box<dyn Fn(&Header<'_>) -> Option<Message> + Send>;

fn reply<B: serde::Serialize + DynamicType + Send + 'static>(body: B) -> Reply {
    Box::new(move |call| Message::method_return(call).build(&body).ok())
}

fn error(name: &'static str) -> Reply {
    Box::new(move |call| Message::error(call, name).build(&"accept").ok())
}

/// Words that are none of the five, however much they look like one.
const WORDS: [&str; 14] = [
    "",
    "Accept",
    "ACCEPT",
    "accept ",
    " accept",
    "accept\n",
    "accepted",
    "ok",
    "success",
    "true",
    "0",
    "ignore",
    "not_required",
    "аccept",
];

/// Answers to `Begin` that are none.
fn lies_to_begin() -> Vec<(String, Reply)> {
    let huge = |kind: &str| WireStep { text: "x".repeat(1 << 20), ..word(kind) };
    let shapes = [
        ("no body", reply(())),
        ("a word alone", reply("accept")),
        ("a session alone", reply(("accept",))),
        ("a step alone", reply(word("accept"))),
        ("the answer of Answer", reply((word("accept"),))),
        ("no echo", reply(("", ("accept", "")))),
        ("no structure", reply(("", "accept", "", false))),
        ("a fourth field", reply(("", ("accept", "", false, "")))),
        ("a third argument", reply(("", word("accept"), ""))),
        ("bytes", reply(("", (b"accept".to_vec(), "", false)))),
        ("a number as echo", reply(("", ("accept", "", 0_u32)))),
        ("a number as session", reply((0_u32, word("accept")))),
        ("a list of steps", reply(("", vec![word("accept")]))),
        ("true", reply(true)),
        ("zero", reply(0_i32)),
        ("an accept of a megabyte", reply(("", huge("accept")))),
        ("a question of a megabyte", reply(("", huge("ask")))),
        ("an error", error("org.twinlock.Twinlock1.Error.Unavailable")),
        ("an error called accept", error("org.twinlock.Twinlock1.accept")),
        ("a signal", Box::new(signal)),
        ("silence", Box::new(|_: &Header<'_>| None)),
    ];
    let words = WORDS.map(|kind| (kind, reply(("", word(kind)))));
    words.into_iter().chain(shapes).map(|(what, reply)| (format!("{what:?}"), reply)).collect()
}

/// Answers to `Answer` that are none.
fn lies_to_answer() -> Vec<(String, Reply)> {
    let shapes = [
        ("the answer of Begin", reply(("", word("accept")))),
        ("no body", reply(())),
        ("a fourth field", reply((("accept", "", false, ""),))),
        ("true", reply(true)),
        ("an error", error("org.twinlock.Twinlock1.Error.NoSuchSession")),
        ("silence", Box::new(|_: &Header<'_>| None)),
    ];
    let words = WORDS.map(|kind| (kind, reply((word(kind),))));
    words.into_iter().chain(shapes).map(|(what, reply)| (format!("{what:?}"), reply)).collect()
}

fn signal(call: &Header<'_>) -> Option<Message> {
    let signal = Message::signal(OBJECT_PATH, LOGIN, "Accept");
    signal.destination(call.sender()?.to_owned()).build(&("", word("accept"))).ok()
}

/// Plays the daemon: `begins` to `Begin`, `answers` to `Answer`, each chosen by the number that the
/// login's user, or the session, is called.
fn play(begins: Vec<(String, Reply)>, answers: Vec<(String, Reply)>) {
    fake_daemon::start(move |call| {
        let header = call.header();
        let body = call.body();
        let (name, replies) = if *header.member()? == "Begin" {
            let (user, _): (String, LoginContext) = body.deserialize().ok()?;
            (user, &begins)
        } else {
            let (session, _): (String, String) = body.deserialize().ok()?;
            (session, &answers)
        };
        match replies.get(name.parse::<usize>().ok()?) {
            Some((_, reply)) => reply(&header),
            None => reply((name, WireStep { text: "Code: ".into(), ..word("ask") }))(&header),
        }
    });
}

#[test]
fn a_daemon_that_answers_begin_with_nonsense_lets_nobody_in() {
    in_sandbox(|_| {
        service("");
        let lies = lies_to_begin();
        let whats: Vec<_> = lies.iter().map(|(what, _)| what.clone()).collect();
        let truth = ("the word".to_owned(), reply(("", word("accept"))));
        play(lies.into_iter().chain([truth]).collect(), Vec::new());
        for (user, what) in whats.iter().enumerate() {
            let report = login(&user.to_string());
            assert_unavailable(&report, what);
            assert!(report.said.is_empty(), "{what}: {report:?}");
        }
        // It is this daemon that is heard.
        assert_eq!(login(&whats.len().to_string()).code(), Code::SUCCESS);
    });
}

#[test]
fn a_daemon_that_answers_an_answer_with_nonsense_lets_nobody_in() {
    in_sandbox(|_| {
        service("");
        let lies = lies_to_answer();
        let whats: Vec<_> = lies.iter().map(|(what, _)| what.clone()).collect();
        let truth = ("the word".to_owned(), reply((word("accept"),)));
        play(Vec::new(), lies.into_iter().chain([truth]).collect());
        for (user, what) in whats.iter().enumerate() {
            let report = login(&user.to_string());
            assert_unavailable(&report, what);
            assert_eq!(report.said, ["1 Code: "], "{what}");
        }
        assert_eq!(login(&whats.len().to_string()).code(), Code::SUCCESS);
    });
}

#[test]
fn no_password_is_forwarded_on_nonsense_either() {
    in_sandbox(|_| {
        service("");
        let module = format!("{} timeout=1 forward_pass", pam::TWINLOCK);
        pam::service("one-prompt", &[&module, &pam::keeper()]);
        let login = |user: usize| {
            PamHost::new()
                .authenticate("one-prompt", user.to_string())
                .answering(&["hunter2123456", "typed later"])
        };
        let lies = lies_to_answer();
        let whats: Vec<_> = lies.iter().map(|(what, _)| what.clone()).collect();
        let truth = ("the word".to_owned(), reply((word("accept"),)));
        play(Vec::new(), lies.into_iter().chain([truth]).collect());
        for (user, what) in whats.iter().enumerate() {
            let report = login(user);
            assert_unavailable(&report, what);
            // The next module asks, because it found nothing.
            assert_eq!(report.said, ["1 Code: ", "1 Password: "], "{what}");
            assert_eq!(pam::password_found(), b"typed later", "{what}");
        }
        assert_eq!(login(whats.len()).said, ["1 Code: "]);
        assert_eq!(pam::password_found(), b"hunter2");
    });
}

#[test]
fn a_daemon_that_never_stops_asking_is_left() {
    in_sandbox(|_| {
        service("");
        let ask = WireStep { text: "Again: ".into(), ..word("ask") };
        play(Vec::new(), vec![("asks".to_owned(), reply((ask,)))]);
        let report = login("0");
        assert_unavailable(&report, "an endless daemon");
        assert_eq!(report.said.len(), 16, "{report:?}");
    });
}

#[test]
fn a_daemon_that_says_yes_after_the_deadline_is_not_heard() {
    in_sandbox(|_| {
        let late = (Duration::from_millis(1200), Step::Accept { text: String::new() });
        let bus = WireBus::saying_after("/run/late", vec![late]);
        service(&bus.option());
        assert_unavailable(&login("alice"), "late");
    });
}

/// The message that lets in whoever made the call with this serial.
fn accept(call: u32) -> Vec<u8> {
    returned(call, &("", word("accept")))
}

/// `message` with every `from` in it replaced; they are of one length.
fn patched(message: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = message.windows(from.len()).position(|window| window == from).unwrap();
    [&message[..at], to, &message[at + from.len()..]].concat()
}

/// What the bus says when everything is in order: where the words of the daemon begin, and all.
fn in_order(hello: u32, call: u32) -> (usize, Vec<u8>) {
    let before = [AGREED, &returned(hello, &":1.1")].concat();
    (before.len(), [before.as_slice(), &accept(call)].concat())
}

#[test]
fn a_bus_that_says_what_no_bus_says_lets_nobody_in() {
    type Script = fn(&mut Caller, u32, u32);
    let scripts: [(&str, Script); 16] = [
        ("a NUL behind the word", |caller, hello, call| {
            let longer = returned(call, &("", word("accept?")));
            let nul = patched(&longer, b"accept?", b"accept\0");
            caller.say(&[AGREED, &returned(hello, &":1.1"), &nul].concat());
        }),
        ("bytes that are not UTF-8", |caller, hello, call| {
            let other = patched(&accept(call), b"accept", b"acc\xffpt");
            caller.say(&[AGREED, &returned(hello, &":1.1"), &other].concat());
        }),
        ("an accept of Hello", |caller, hello, _| caller.say(&[AGREED, &accept(hello)].concat())),
        ("an accept of another call", |caller, hello, call| {
            caller.say(&[AGREED, &returned(hello, &":1.1"), &accept(call + 1)].concat());
        }),
        ("no daemon", |caller, hello, _| {
            caller.say(&[AGREED, &returned(hello, &":1.1")].concat());
        }),
        ("an accept that is a call", |caller, hello, call| {
            let (at, mut all) = in_order(hello, call);
            all[at + 1] = 1;
            caller.say(&all);
        }),
        ("an accept that is an error", |caller, hello, call| {
            let (at, mut all) = in_order(hello, call);
            all[at + 1] = 3;
            caller.say(&all);
        }),
        ("an accept of another protocol", |caller, hello, call| {
            let (at, mut all) = in_order(hello, call);
            all[at + 3] = 2;
            caller.say(&all);
        }),
        ("the other byte order", |caller, hello, call| {
            let (at, mut all) = in_order(hello, call);
            all[at] = b'B';
            caller.say(&all);
        }),
        ("four gigabytes announced", |caller, hello, call| {
            let (at, mut all) = in_order(hello, call);
            all[at + 4..at + 8].copy_from_slice(&[0xf0, 0xff, 0xff, 0xff]);
            caller.say(&all);
        }),
        ("a rejection", |caller, hello, call| {
            let (_, all) = in_order(hello, call);
            caller.say(&[b"REJECTED EXTERNAL\r\n", &all[AGREED.len()..]].concat());
        }),
        ("no question for data", |caller, hello, call| {
            let (_, all) = in_order(hello, call);
            caller.say(&all["DATA\r\n".len()..]);
        }),
        ("a line without end", |caller, _, _| caller.say(&[b'x'; 1 << 20])),
        ("zeroes", |caller, _, _| caller.say(&[AGREED, &[0; 1 << 16]].concat())),
        ("other people's messages, for ever", |caller, hello, _| {
            caller.say(AGREED);
            for _ in 0..300 {
                caller.say(&returned(hello + 1000, &":1.1").repeat(10));
                thread::sleep(Duration::from_millis(5));
            }
        }),
        ("one byte at a time, slowly", |caller, hello, call| {
            for byte in in_order(hello, call).1 {
                caller.say(&[byte]);
                thread::sleep(Duration::from_millis(10));
            }
        }),
    ];
    in_sandbox(|_| {
        for (nth, (what, script)) in scripts.into_iter().enumerate() {
            let bus = WireBus::start(&format!("/run/bus-{nth}"), move |mut caller| {
                let Ok((hello, call)) = caller.request() else { return };
                script(&mut caller, hello, call);
            });
            service(&bus.option());
            let report = login("alice");
            assert_unavailable(&report, what);
            assert!(report.said.is_empty(), "{what}: {report:?}");
        }
    });
}

/// One login after the other against a bus that makes of its words what `spoil` makes of them for
/// the login of this number.
fn logins(count: usize, spoil: impl Fn(usize, Vec<u8>) -> Vec<u8> + Send + 'static) -> Report {
    let bus = WireBus::start("/run/spoilt", move |mut caller| {
        let Ok((hello, call)) = caller.request() else { return };
        let said = spoil(caller.nth, in_order(hello, call).1);
        caller.say(&said);
    });
    service(&bus.option());
    PamHost::new().run("code", "alice", &vec!["authenticate"; count]).end()
}

#[test]
fn an_accept_cut_short_anywhere_is_none() {
    in_sandbox(|_| {
        let whole = in_order(1, 2).1.len();
        let report = logins(whole + 1, |nth, said| said[..nth.min(said.len())].to_vec());
        let (last, cut) = report.calls.split_last().unwrap();
        assert_eq!(last.code, Code::SUCCESS);
        for (length, call) in cut.iter().enumerate() {
            assert_eq!(call.code, Code::AUTHINFO_UNAVAIL, "{length} bytes");
        }
        assert_eq!(report.traces(), [""; 0]);
    });
}

#[test]
fn an_accept_with_a_letter_spoilt_is_none() {
    in_sandbox(|_| {
        let (at, whole) = in_order(1, 2);
        // Length and letters of the word.
        let word = at + whole[at..].windows(6).position(|letters| letters == b"accept").unwrap();
        let word = word - 4..word + 6;
        let report = logins(whole.len(), |nth, mut said| {
            said[nth] ^= 0x41;
            said
        });
        for (byte, call) in report.calls.iter().enumerate() {
            let harmless = !word.contains(&byte) && call.code == Code::SUCCESS;
            assert!(harmless || call.code == Code::AUTHINFO_UNAVAIL, "byte {byte}: {call:?}");
        }
        assert_eq!(report.traces(), [""; 0]);
    });
}
