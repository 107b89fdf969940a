//! One contract: the committed XML, what the running daemon tells of itself, and the proxies that
//! module and CLI call it with, are equal method by method.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures_core::Stream;
use twinlock_interface::{
    AccountQuery, AccountSummary, AuthenticatorStatus, CodeCheck, EnrollmentRequest, Error, Event,
    EventQuery, Explanation, INTROSPECTION_XML, ImportedAuthenticator, Judged, Lock, LoginContext,
    Policy, PolicyChange, Profile, Question, Rule, Status, Step,
    names::{BUS_NAME, ENROLLMENT, LOGIN, MANAGER, OBJECT_PATH, POLICY},
    proxy::{EnrollmentProxy, LoginProxy, ManagerProxy, PolicyProxy},
    step::WireStep,
};
use twinlock_tests::{
    bus::block_on,
    in_sandbox,
    introspection::{Introspection, Method},
};
use zbus::{
    Connection, DBusError, Message, MessageStream, OwnedVariant, Signature, Type, Variant,
    fdo::IntrospectableProxy,
    message,
    wire::{Array, Dict, Structure, StructureBuilder},
};

/// Source of the proxies, for the names of arguments: the wire does not carry them.
const PROXIES: &str = include_str!("../../daemon/interface/src/proxy.rs");

fn committed() -> Introspection {
    Introspection::read(INTROSPECTION_XML, BUS_NAME)
}

#[test]
fn the_xml_has_our_four_interfaces_and_methods_only() {
    let committed = committed();
    let interfaces: Vec<_> = committed.interfaces.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(interfaces, [ENROLLMENT, LOGIN, MANAGER, POLICY]);
    assert_eq!(committed.others, BTreeSet::new());
    assert!(INTROSPECTION_XML.contains(&format!("<node name=\"{OBJECT_PATH}\">")));
    for method in &committed.methods {
        for argument in &method.arguments {
            let signature = Signature::try_from(argument.signature.as_str());
            assert!(signature.is_ok(), "{}: {argument:?}", method.short_name());
        }
    }
}

#[test]
fn the_running_daemon_is_what_the_xml_says() {
    in_sandbox(|host| {
        let live = block_on(async {
            let connection = host.bus.connect().await;
            let object =
                IntrospectableProxy::builder(&connection).destination(BUS_NAME).path(OBJECT_PATH);
            object.build().await.unwrap().introspect().await.unwrap()
        });
        let (live, committed) = (Introspection::read(&live, ""), committed());
        let standard = |name: &str| name.starts_with("org.freedesktop.DBus.");
        let interfaces = |one: &Introspection| -> Vec<_> {
            one.interfaces.iter().map(|(name, _)| name.clone()).filter(|n| !standard(n)).collect()
        };
        assert_eq!(interfaces(&live), interfaces(&committed));
        let ours = live.methods.into_iter().filter(|method| !standard(&method.interface));
        // Prose is the XML's alone.
        let ours: Vec<_> = ours.map(|method| Method { prose: String::new(), ..method }).collect();
        let without_prose = |method| Method { prose: String::new(), ..method };
        let expected: Vec<_> = committed.methods.into_iter().map(without_prose).collect();
        assert_eq!(ours, expected);
        let others: Vec<_> = live.others.iter().filter(|name| !standard(name)).collect();
        assert_eq!(others, Vec::<&String>::new());
    });
}

#[test]
fn the_proxies_call_and_understand_what_the_xml_says() {
    in_sandbox(|host| {
        let (seen, called) = block_on(async {
            let recorder = host.bus.connect().await;
            let seen = record(&recorder);
            recorder.request_name(BUS_NAME).await.unwrap();
            let called = call_every_proxy(&host.bus.connect().await).await;
            (seen.lock().unwrap().clone(), called)
        });
        let committed = committed().methods;
        let expected: BTreeMap<_, _> =
            committed.iter().map(|method| (method.short_name(), method.input())).collect();
        assert_eq!(seen, expected, "bodies sent");
        for method in &committed {
            let (output, failure) = &called[&method.short_name()];
            let expected = match method.output_types().as_slice() {
                [] => String::new(),
                [one] => (*one).to_owned(),
                several => format!("({})", several.concat()),
            };
            assert_eq!(*output, expected, "type returned by {}", method.short_name());
            assert_eq!(*failure, None, "reply to {}", method.short_name());
        }
        assert_eq!(called.len(), committed.len());
    });
}

#[test]
fn the_proxies_name_their_arguments_as_the_xml_does() {
    let in_xml = committed().methods;
    let in_xml: BTreeMap<_, Vec<_>> =
        in_xml.iter().map(|method| (method.short_name(), method.input_names())).collect();
    assert_eq!(proxy_arguments(PROXIES), in_xml);
}

#[test]
fn every_method_and_interface_carries_prose() {
    let committed = committed();
    for method in &committed.methods {
        let prose = method.prose.trim_start();
        assert!(prose.starts_with(&format!("{}: ", method.member)), "{}", method.short_name());
        assert!(prose.split_whitespace().count() >= 8, "{}", method.short_name());
    }
    for (name, prose) in &committed.interfaces {
        assert!(prose.split_whitespace().count() >= 3, "{name}");
    }
}

#[test]
fn every_error_is_told_in_the_xml_and_every_told_error_exists() {
    let told: BTreeSet<_> = committed()
        .comments
        .iter()
        .filter_map(|comment| comment.split_once("Errors"))
        .flat_map(|(_, errors)| entries(errors))
        .filter(|(name, _)| name.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|(name, _)| format!("{BUS_NAME}.Error.{name}"))
        .collect();
    let existing: BTreeSet<_> =
        errors().iter().map(|error| error.name().as_str().to_owned()).collect();
    assert_eq!(told, existing);
}

#[test]
fn every_word_of_a_step_is_told_in_the_xml_and_no_other() {
    let committed = committed();
    let (_, prose) = committed.interfaces.iter().find(|(name, _)| name == LOGIN).unwrap();
    let told: BTreeSet<_> = entries(prose).into_iter().map(|(word, _)| word).collect();
    let text = String::new;
    let steps = [
        Step::Ask { text: text(), echo: false },
        Step::Accept { text: text() },
        Step::NotRequired,
        Step::Refuse { text: text() },
        Step::Wait { text: text() },
    ];
    let words: BTreeSet<_> = steps.into_iter().map(|step| WireStep::from(step).kind).collect();
    assert_eq!(told, words);
}

#[test]
fn every_entry_of_a_dictionary_is_told_in_the_xml_and_no_other() {
    let methods = committed().methods;
    let prose = |member: &str, interface: &str| {
        let found = methods.iter().find(|m| m.member == member && m.interface == interface);
        found.unwrap().prose.clone()
    };
    let status = Status {
        since: Some(1),
        expires_at: Some(1),
        last_accepted_at: Some(1),
        locked_until: Some(1),
        required_because: Some(String::new()),
        enroll_until: Some(1),
        ..Status::default()
    };
    let authenticator =
        AuthenticatorStatus { last_accepted_at: Some(1), ..AuthenticatorStatus::default() };
    let imported =
        ImportedAuthenticator { last_spent: Some(1), ..ImportedAuthenticator::default() };
    let check = CodeCheck { offset_seconds: Some(1), ..CodeCheck::default() };
    let prose_of_status = prose("Status", ENROLLMENT);
    let (of_account, rest) = prose_of_status.split_once("An authenticator is").unwrap();
    let (of_authenticator, of_lock) = rest.split_once("A lock is").unwrap();
    let carried = |body: Result<Message, zbus::Error>| dictionary(&body.unwrap());
    assert_eq!(told(of_account), carried(carrying().build(&status)));
    assert_eq!(told(of_authenticator), carried(carrying().build(&authenticator)));
    let lock = Lock { until: Some(1), ..Lock::default() };
    assert_eq!(told(of_lock), carried(carrying().build(&lock)));
    assert_eq!(told(&prose("Begin", LOGIN)), carried(carrying().build(&full_context())));
    assert_eq!(told(&prose("Begin", ENROLLMENT)), carried(carrying().build(&full_request())));
    assert_eq!(told(&prose("Check", ENROLLMENT)), carried(carrying().build(&check)));
    assert_eq!(told(&prose("Import", MANAGER)), carried(carrying().build(&imported)));
}

#[test]
fn every_entry_of_a_dictionary_of_administrators_is_told_in_the_xml_and_no_other() {
    let methods = committed().methods;
    let prose = |member: &str, interface: &str| {
        let found = methods.iter().find(|m| m.member == member && m.interface == interface);
        found.unwrap().prose.clone()
    };
    let halves = |prose: &str, between: &str| {
        let (first, second) = prose.split_once(between).unwrap();
        (told(first), told(second))
    };
    let carried = |body: Result<Message, zbus::Error>| dictionary(&body.unwrap());
    let some = || Some("x".to_owned());

    let rule = Rule { enroll_until: Some(1), until: Some(1), ..Rule::default() };
    let policy = carried(carrying().build(&Policy::default()));
    let (of_policy, of_rule) = halves(&prose("Show", POLICY), "A rule is a");
    assert_eq!((of_policy, of_rule), (policy, carried(carrying().build(&rule))));

    let profile = Some(Profile::default());
    let change = PolicyChange { revision: Some(1), profile, author: some(), ..Default::default() };
    assert_eq!(told(&prose("Apply", POLICY)), carried(carrying().build(&change)));

    let of_explain = prose("Explain", POLICY);
    let (of_question, rest) = of_explain.split_once("`explanation` holds").unwrap();
    let question = Question { service: some(), from: some() };
    assert_eq!(told(of_question), carried(carrying().build(&question)));
    let explanation =
        Explanation { enroll_until: Some(1), locked_until: Some(1), ..Default::default() };
    let explained = carried(carrying().build(&explanation));
    let judged = carried(carrying().build(&Judged::default()));
    assert_eq!(halves(rest, "A judged rule is"), (explained, judged));

    let query = AccountQuery { after: Some(1), ..AccountQuery::default() };
    let account = AccountSummary {
        since: Some(1),
        last_accepted_at: Some(1),
        locked_until: Some(1),
        ..AccountSummary::default()
    };
    let (query, account) = (carried(carrying().build(&query)), carried(carrying().build(&account)));
    assert_eq!(halves(&prose("Accounts", MANAGER), "An account is a"), (query, account));

    let query = EventQuery {
        user: some(),
        action: some(),
        outcome: some(),
        service: some(),
        since: Some(1),
        until: Some(1),
        after: Some(1),
        before: Some(1),
        limit: Some(1),
    };
    let event = Event { uid: Some(1), ..Event::default() };
    let (query, event) = (carried(carrying().build(&query)), carried(carrying().build(&event)));
    assert_eq!(halves(&prose("Events", MANAGER), "An event is a"), (query, event));
}

/// Keys and types of the dictionary a prose describes, up to its errors.
fn told(prose: &str) -> BTreeMap<String, String> {
    let dictionary = prose.split("Errors:").next().unwrap();
    let type_of = |meaning: String| meaning.split_whitespace().next().unwrap().to_owned();
    entries(dictionary).into_iter().map(|(key, meaning)| (key, type_of(meaning))).collect()
}

fn carrying() -> message::Builder<'static> {
    Message::method_call(OBJECT_PATH, "Any")
}

/// The lines of a list in prose, `word   meaning`: what is more than one blank ahead of its
/// meaning.
fn entries(prose: &str) -> Vec<(String, String)> {
    let entry = |line: &str| {
        let (word, meaning) = line.trim_start().split_once("  ")?;
        let indented = line.starts_with("    ") && !meaning.trim().is_empty();
        (indented && !word.contains(' ')).then(|| (word.to_owned(), meaning.trim().to_owned()))
    };
    prose.lines().filter_map(entry).collect()
}

/// One of each but [`Error::Bus`], which does not come from the daemon.
fn errors() -> Vec<Error> {
    let text = String::new;
    let all = vec![
        Error::NotAuthorized(text()),
        Error::NoSuchAccount(text()),
        Error::AccountMismatch(text()),
        Error::NotEnrolled(text()),
        Error::AlreadyEnrolled(text()),
        Error::ProofRequired(text()),
        Error::EnrollmentUnderWay(text()),
        Error::NoSuchAuthenticator(text()),
        Error::NameTaken(text()),
        Error::KeyTaken(text()),
        Error::TooManyAuthenticators(text()),
        Error::Required(text()),
        Error::NoPendingEnrollment(text()),
        Error::WrongCode(text()),
        Error::Throttled(text()),
        Error::NoSuchSession(text()),
        Error::NoSuchGroup(text()),
        Error::NoSuchRule(text()),
        Error::PolicyChanged(text()),
        Error::WouldLockOut(text()),
        Error::LimitsExceeded(text()),
        Error::InvalidArgument(text()),
        Error::Unavailable(text()),
    ];
    for error in &all {
        // An error that is missing here does not compile; add it above as well.
        match error {
            Error::Bus(_)
            | Error::NotAuthorized(_)
            | Error::NoSuchAccount(_)
            | Error::AccountMismatch(_)
            | Error::NotEnrolled(_)
            | Error::AlreadyEnrolled(_)
            | Error::ProofRequired(_)
            | Error::EnrollmentUnderWay(_)
            | Error::NoSuchAuthenticator(_)
            | Error::NameTaken(_)
            | Error::KeyTaken(_)
            | Error::TooManyAuthenticators(_)
            | Error::Required(_)
            | Error::NoPendingEnrollment(_)
            | Error::WrongCode(_)
            | Error::Throttled(_)
            | Error::NoSuchSession(_)
            | Error::NoSuchGroup(_)
            | Error::NoSuchRule(_)
            | Error::PolicyChanged(_)
            | Error::WouldLockOut(_)
            | Error::LimitsExceeded(_)
            | Error::InvalidArgument(_)
            | Error::Unavailable(_) => {}
        }
    }
    all
}

fn full_context() -> LoginContext {
    let text = || Some("x".to_owned());
    LoginContext {
        service: text(),
        rhost: text(),
        tty: text(),
        ruser: text(),
        first_factor: text(),
        expects: text(),
    }
}

fn full_request() -> EnrollmentRequest {
    let text = || Some("x".to_owned());
    EnrollmentRequest {
        name: text(),
        kind: text(),
        algorithm: text(),
        digits: Some(1),
        period: Some(1),
        counter: Some(1),
        secret: text(),
        key_uri: text(),
        proof: text(),
    }
}

/// Keys and types of the dictionary a message carries.
fn dictionary(message: &Message) -> BTreeMap<String, String> {
    let entries: HashMap<String, OwnedVariant> = message.body().deserialize().unwrap();
    let types = entries.into_iter().map(|(key, value)| (key, value.value_signature().to_string()));
    types.collect()
}

/// Argument names of every method of every proxy trait in `source`.
fn proxy_arguments(source: &str) -> BTreeMap<String, Vec<&str>> {
    let mut found = BTreeMap::new();
    for proxy in source.split("pub trait ").skip(1) {
        let (interface, methods) = proxy.split_once(' ').unwrap();
        for method in methods.split("fn ").skip(1) {
            let (name, rest) = method.split_once('(').unwrap();
            let (arguments, _) = rest.split_once(')').unwrap();
            let named = arguments.split(',').filter_map(|argument| argument.split_once(':'));
            let member: String = name.split('_').map(capitalized).collect();
            let names = named.map(|(name, _)| name.trim()).collect();
            found.insert(format!("{interface}.{member}"), names);
        }
    }
    found
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// Calls by name, with the signatures of their bodies.
type Seen = Arc<Mutex<BTreeMap<String, String>>>;

/// Answers every call to `connection` with a value of the type the XML says, and notes it.
fn record(connection: &Connection) -> Seen {
    let seen = Seen::default();
    let (noted, connection) = (seen.clone(), connection.clone());
    let mut messages = MessageStream::from(&connection);
    tokio::spawn(async move {
        let methods = committed().methods;
        while let Some(Ok(call)) = poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)).await {
            if call.message_type() != message::Type::MethodCall {
                continue;
            }
            let header = call.header();
            let of_call = |method: &&Method| {
                header.member().is_some_and(|member| *member == *method.member)
                    && header.interface().is_some_and(|name| *name == *method.interface)
                    && header.path().is_some_and(|path| *path == *OBJECT_PATH)
            };
            let Some(method) = methods.iter().find(of_call) else {
                let unknown = "org.freedesktop.DBus.Error.UnknownMethod";
                connection.reply_error(&header, unknown, &"not in the XML").await.unwrap();
                continue;
            };
            let body = call.body().signature().to_string_no_parens();
            noted.lock().unwrap().insert(method.short_name(), body);
            match reply(&method.output_types()) {
                Some(value) => connection.reply(&header, &value).await.unwrap(),
                None => connection.reply(&header, &()).await.unwrap(),
            }
        }
    });
    seen
}

/// A body with one value of each type.
fn reply(types: &[&str]) -> Option<Structure<'static>> {
    let fields = types.iter().map(|one| sample(&Signature::try_from(*one).unwrap()));
    let body = fields.fold(StructureBuilder::new(), StructureBuilder::append_field);
    body.build().ok()
}

/// Some value of a type.
fn sample(signature: &Signature) -> Variant<'static> {
    match signature {
        Signature::Bool => true.into(),
        Signature::U32 => 7_u32.into(),
        Signature::U64 => 7_u64.into(),
        Signature::Str => "a text".into(),
        Signature::Array(element) => {
            let mut array = Array::new(element.signature());
            array.append(sample(element.signature())).unwrap();
            Variant::Array(array)
        }
        // Without entries: which there may be is for another test.
        Signature::Dict { key, value } => {
            Variant::Dict(Dict::new(key.signature(), value.signature()))
        }
        Signature::Structure(fields) => {
            let fields = fields.iter().map(sample);
            let built = fields.fold(StructureBuilder::new(), StructureBuilder::append_field);
            Variant::Structure(built.build().unwrap())
        }
        other => panic!("the contract has no {other} so far"),
    }
}

/// By method: the signature of what the proxy returns, and what it had against the reply.
type Called = HashMap<String, (String, Option<String>)>;

async fn call_every_proxy(connection: &Connection) -> Called {
    let login = LoginProxy::new(connection).await.unwrap();
    let enrollment = EnrollmentProxy::new(connection).await.unwrap();
    let manager = ManagerProxy::new(connection).await.unwrap();
    let policy = PolicyProxy::new(connection).await.unwrap();
    let context = full_context();
    HashMap::from([
        called("Login.Begin", login.begin("u", &context)).await,
        called("Login.Answer", login.answer("s", "a")).await,
        called("Enrollment.Begin", enrollment.begin("u", &EnrollmentRequest::default())).await,
        called("Enrollment.Confirm", enrollment.confirm("u", "c")).await,
        called("Enrollment.Cancel", enrollment.cancel("u")).await,
        called("Enrollment.Remove", enrollment.remove("u", "a", "c")).await,
        called("Enrollment.Rename", enrollment.rename("u", "a", "n", "c")).await,
        called("Enrollment.RenewCodes", enrollment.renew_codes("u", "c")).await,
        called("Enrollment.Check", enrollment.check("u", "c")).await,
        called("Enrollment.Status", enrollment.status("u")).await,
        called("Manager.Unlock", manager.unlock("u")).await,
        called("Manager.Reset", manager.reset("u")).await,
        called("Manager.IssueTicket", manager.issue_ticket("u")).await,
        called("Manager.Import", manager.import("u", &[], &[], true)).await,
        called("Manager.Accounts", manager.accounts(&AccountQuery::default())).await,
        called("Manager.Events", manager.events(&EventQuery::default())).await,
        called("Policy.Show", policy.show()).await,
        called("Policy.Apply", policy.apply(&PolicyChange::default())).await,
        called("Policy.Explain", policy.explain("u", &Question::default())).await,
    ])
}

async fn called<R: Type>(
    method: &str,
    call: impl Future<Output = Result<R, Error>>,
) -> (String, (String, Option<String>)) {
    let failure = call.await.err().map(|error| error.to_string());
    (method.to_owned(), (R::SIGNATURE.to_string(), failure))
}
