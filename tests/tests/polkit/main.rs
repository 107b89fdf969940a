//! Who is not root acts as an administrator only when polkit says so, for that one call (I12).

mod administrators;
mod authority;
mod doubt;
mod scene;
