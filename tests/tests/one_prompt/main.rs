//! Password and code fit into one line: each reaches whom it is for, and neither does without the
//! other (I8, I15).

mod first_pass;
mod forwarded;
mod logins;
mod scene;
