//! `twinlock doctor` finds what is wrong with a host, names the file and the line, and has nothing to
//! say about the README's recipes.

mod agrees_with_libpam;
mod policy;
mod recipes;
mod scene;
mod settings;
mod stacks;
mod surroundings;
