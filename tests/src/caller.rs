//! A program that calls the daemon itself, without module or CLI in between.

use twinlock_interface::{
    AccountQuery, EnrollmentRequest, Error, EventQuery, ImportedAuthenticator, LoginContext,
    Material, Policy, PolicyChange, Question, Status,
    names::{BUS_NAME, OBJECT_PATH},
    proxy::{EnrollmentProxy, LoginProxy, ManagerProxy, PolicyProxy},
    step::WireStep,
};
use zbus::{
    Connection, DBusError, Message,
    fdo::DBusProxy,
    message::Flags,
    names::{OwnedUniqueName, UniqueName},
    wire::{Structure, StructureBuilder, Variant},
};

use crate::{Host, bus::block_on};

/// A connection to the bus and the runtime it lives in; blocking, like the clients it stands for.
#[derive(Debug)]
pub struct Caller {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
}

/// An error that came back instead of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Without prefix when it is one of the contract's: `NotAuthorized`.
    pub name: String,
    /// The text for the person.
    pub text: String,
}

/// The arguments of a call, whichever method it is.
#[derive(Clone, Debug)]
pub enum Arguments {
    /// Of `Login.Begin`.
    Login(String, LoginContext),
    /// Of `Enrollment.Begin`.
    Enroll(String, EnrollmentRequest),
    /// Of `Manager.Import`.
    Import(String, Vec<ImportedAuthenticator>, Vec<String>, bool),
    /// Of `Manager.Accounts`.
    Accounts(AccountQuery),
    /// Of `Manager.Events`.
    Events(EventQuery),
    /// Of `Policy.Apply`.
    Change(PolicyChange),
    /// Of `Policy.Explain`.
    Explain(String, Question),
    /// Of `Policy.Show`.
    None,
    /// Strings alone, as most methods take them.
    Strings(Vec<String>),
}

impl Arguments {
    /// Strings alone.
    #[must_use]
    pub fn strings(strings: &[&str]) -> Self {
        Self::Strings(strings.iter().map(|&string| string.to_owned()).collect())
    }
}

/// Strings as the arguments of one call.
fn body(strings: &[String]) -> Structure<'_> {
    let fields = strings.iter().map(|string| Variant::from(string.as_str()));
    fields.fold(StructureBuilder::new(), StructureBuilder::append_field).build().unwrap()
}

impl Host {
    /// A program of `uid` on the bus.
    ///
    /// # Panics
    /// When the bus does not take it.
    #[must_use]
    pub fn caller(&self, uid: u32) -> Caller {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(self.bus.connect_as(uid));
        Caller { runtime, connection }
    }

    /// Makes a call as `uid` and is gone from the bus before the daemon looks at it: the daemon is
    /// stopped in the meantime.
    ///
    /// # Panics
    /// When the daemon or the bus does not run.
    pub fn call_and_vanish(&self, uid: u32, method: &str, arguments: &Arguments) {
        use nix::sys::signal::Signal::{SIGCONT, SIGSTOP};
        self.daemon.start();
        self.daemon.signal(SIGSTOP);
        let caller = self.caller(uid);
        let message = caller.message(method, arguments);
        caller.runtime.block_on(caller.connection.send(&message)).unwrap();
        let name = OwnedUniqueName::from(caller.name());
        drop(caller);
        block_on(async {
            let bus = DBusProxy::new(&self.bus.connect().await).await.unwrap();
            while bus.name_has_owner(name.as_ref().into()).await.unwrap() {
                tokio::task::yield_now().await;
            }
        });
        self.daemon.signal(SIGCONT);
    }
}

impl Caller {
    /// Its name on the bus.
    ///
    /// # Panics
    /// When the bus gave it none.
    #[must_use]
    pub fn name(&self) -> UniqueName<'_> {
        self.connection.unique_name().unwrap().as_ref()
    }

    /// Its connection, for what has no word here; use it within [`run`](Self::run).
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs something that talks through the connection.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Calls `method` (`Login.Begin`) and returns the reply as it came.
    ///
    /// # Errors
    /// What came back instead.
    pub fn call(&self, method: &str, arguments: &Arguments) -> Result<Message, Refusal> {
        let (interface, member) = split(method);
        let (to, at, on) = (Some(BUS_NAME), OBJECT_PATH, Some(interface));
        let connection = &self.connection;
        let reply = self.run(async {
            match arguments {
                Arguments::Login(user, context) => {
                    connection.call_method(to, at, on, member, &(user, context)).await
                }
                Arguments::Enroll(user, request) => {
                    connection.call_method(to, at, on, member, &(user, request)).await
                }
                Arguments::Import(user, authenticators, codes, dry_run) => {
                    let arguments = (user, authenticators, codes, dry_run);
                    connection.call_method(to, at, on, member, &arguments).await
                }
                Arguments::Accounts(query) => {
                    connection.call_method(to, at, on, member, &(query,)).await
                }
                Arguments::Events(query) => {
                    connection.call_method(to, at, on, member, &(query,)).await
                }
                Arguments::Change(change) => {
                    connection.call_method(to, at, on, member, &(change,)).await
                }
                Arguments::Explain(user, question) => {
                    connection.call_method(to, at, on, member, &(user, question)).await
                }
                Arguments::None => connection.call_method(to, at, on, member, &()).await,
                Arguments::Strings(strings) => {
                    connection.call_method(to, at, on, member, &body(strings)).await
                }
            }
        });
        reply.map_err(|error| Refusal::from(Error::from(error)))
    }

    /// `Login.Begin`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn begin_login(
        &self,
        user: &str,
        context: &LoginContext,
    ) -> Result<(String, WireStep), Refusal> {
        Ok(self
            .run(async { LoginProxy::new(&self.connection).await?.begin(user, context).await })?)
    }

    /// `Login.Answer`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn answer_login(&self, session: &str, answer: &str) -> Result<WireStep, Refusal> {
        let login = LoginProxy::new(&self.connection);
        Ok(self.run(async { login.await?.answer(session, answer).await })?)
    }

    /// `Enrollment.Begin`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn begin_enrollment(&self, user: &str) -> Result<Material, Refusal> {
        self.begin_enrollment_of(user, &EnrollmentRequest::default())
    }

    /// `Enrollment.Begin` of something particular.
    ///
    /// # Errors
    /// What came back instead.
    pub fn begin_enrollment_of(
        &self,
        user: &str,
        request: &EnrollmentRequest,
    ) -> Result<Material, Refusal> {
        let enrollment = EnrollmentProxy::new(&self.connection);
        Ok(self.run(async { enrollment.await?.begin(user, request).await })?)
    }

    /// `Enrollment.Confirm`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn confirm_enrollment(&self, user: &str, code: &str) -> Result<Vec<String>, Refusal> {
        let enrollment = EnrollmentProxy::new(&self.connection);
        Ok(self.run(async { enrollment.await?.confirm(user, code).await })?)
    }

    /// `Enrollment.Status`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn status(&self, user: &str) -> Result<Status, Refusal> {
        Ok(self.run(async { EnrollmentProxy::new(&self.connection).await?.status(user).await })?)
    }

    /// `Manager.Reset`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn reset(&self, user: &str) -> Result<(), Refusal> {
        Ok(self.run(async { ManagerProxy::new(&self.connection).await?.reset(user).await })?)
    }

    /// `Manager.Unlock`, by a caller that can wait for a password.
    ///
    /// # Errors
    /// What came back instead.
    pub fn unlock(&self, user: &str) -> Result<(), Refusal> {
        Ok(self.run(async { ManagerProxy::new(&self.connection).await?.unlock(user).await })?)
    }

    /// `Policy.Show`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn policy(&self) -> Result<Policy, Refusal> {
        Ok(self.run(async { PolicyProxy::new(&self.connection).await?.show().await })?)
    }

    /// `Policy.Apply`.
    ///
    /// # Errors
    /// What came back instead.
    pub fn change_policy(&self, change: &PolicyChange) -> Result<Policy, Refusal> {
        Ok(self.run(async { PolicyProxy::new(&self.connection).await?.apply(change).await })?)
    }

    /// A call that nobody waits for.
    fn message(&self, method: &str, arguments: &Arguments) -> Message {
        let (interface, member) = split(method);
        let message = Message::method_call(OBJECT_PATH, member)
            .sender(self.name())
            .destination(BUS_NAME)
            .interface(interface)
            .with_flags(Flags::NO_REPLY_EXPECTED);
        match arguments {
            Arguments::Login(user, context) => message.build(&(user, context)),
            Arguments::Enroll(user, request) => message.build(&(user, request)),
            Arguments::Import(user, authenticators, codes, dry_run) => {
                message.build(&(user, authenticators, codes, dry_run))
            }
            Arguments::Accounts(query) => message.build(&(query,)),
            Arguments::Events(query) => message.build(&(query,)),
            Arguments::Change(change) => message.build(&(change,)),
            Arguments::Explain(user, question) => message.build(&(user, question)),
            Arguments::None => message.build(&()),
            Arguments::Strings(strings) => message.build(&body(strings)),
        }
        .unwrap()
    }
}

fn split(method: &str) -> (String, &str) {
    let (interface, member) = method.split_once('.').expect("Interface.Member");
    (format!("{BUS_NAME}.{interface}"), member)
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (name, text) = match &error {
            Error::Bus(zbus::Error::MethodError(name, text, _)) => {
                (name.as_str().to_owned(), text.clone().unwrap_or_default())
            }
            Error::Bus(zbus::Error::FDO(error)) => {
                let text = error.description().unwrap_or_default().to_owned();
                (error.name().as_str().to_owned(), text)
            }
            ours => {
                let text = ours.description().unwrap_or_default().to_owned();
                (ours.name().as_str().to_owned(), text)
            }
        };
        let prefix = format!("{BUS_NAME}.Error.");
        let name = name.strip_prefix(&prefix).map(str::to_owned).unwrap_or(name);
        Self { name, text }
    }
}
