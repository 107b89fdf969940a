//! Who may do what: every method for every kind of caller, by the uid the bus knows (I12).

mod accounts;
mod bus_policy;
mod limits;
mod methods;
mod names;
mod scene;
mod sessions;
