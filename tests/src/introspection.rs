//! D-Bus introspection XML, read for what every description of one contract must share.

use std::collections::BTreeSet;

use roxmltree::{Document, Node, ParsingOptions};

/// A method of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Name of the interface.
    pub interface: String,
    /// Name of the method.
    pub member: String,
    /// Its arguments, in their order.
    pub arguments: Vec<Argument>,
    /// The comment right above it, or nothing.
    pub prose: String,
}

/// An argument of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// D-Bus signature of one complete type.
    pub signature: String,
    /// Whether the caller sends it.
    pub is_input: bool,
}

impl Method {
    /// Interface and name, for messages and tables: `Login.Begin`.
    #[must_use]
    pub fn short_name(&self) -> String {
        let interface = self.interface.rsplit('.').next().unwrap_or_default();
        format!("{interface}.{}", self.member)
    }

    /// The signature of the body of a call.
    #[must_use]
    pub fn input(&self) -> String {
        self.signatures(true)
    }

    /// The signature of the body of the reply.
    #[must_use]
    pub fn output(&self) -> String {
        self.signatures(false)
    }

    /// Names of the arguments the caller sends.
    #[must_use]
    pub fn input_names(&self) -> Vec<&str> {
        let inputs = self.arguments.iter().filter(|argument| argument.is_input);
        inputs.map(|argument| argument.name.as_str()).collect()
    }

    /// Signatures of the arguments that come back.
    #[must_use]
    pub fn output_types(&self) -> Vec<&str> {
        let outputs = self.arguments.iter().filter(|argument| !argument.is_input);
        outputs.map(|argument| argument.signature.as_str()).collect()
    }

    fn signatures(&self, is_input: bool) -> String {
        let arguments = self.arguments.iter().filter(|argument| argument.is_input == is_input);
        arguments.map(|argument| argument.signature.as_str()).collect()
    }
}

/// A description: methods, and what else there is.
#[derive(Debug)]
pub struct Introspection {
    /// Every method, sorted by interface and name.
    pub methods: Vec<Method>,
    /// Every interface with the comment right above it.
    pub interfaces: Vec<(String, String)>,
    /// Signals and properties, as `interface.Name`.
    pub others: BTreeSet<String>,
    /// Every comment, in the order of the text.
    pub comments: Vec<String>,
}

impl Introspection {
    /// Reads the interfaces whose names begin with `prefix`.
    ///
    /// # Panics
    /// When the text is no introspection data.
    #[must_use]
    pub fn read(xml: &str, prefix: &str) -> Self {
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        let document = Document::parse_with_options(xml, options).expect("well-formed XML");
        let mut read = Self {
            methods: Vec::new(),
            interfaces: Vec::new(),
            others: BTreeSet::new(),
            comments: document.descendants().filter(Node::is_comment).map(text).collect(),
        };
        let is_interface =
            |node: &Node<'_, '_>| node.has_tag_name("interface") && name(*node).starts_with(prefix);
        for interface in document.descendants().filter(is_interface) {
            read.interfaces.push((name(interface), prose(interface)));
            for member in interface.children().filter(Node::is_element) {
                if member.has_tag_name("method") {
                    read.methods.push(method(interface, member));
                } else {
                    read.others.insert(format!("{}.{}", name(interface), name(member)));
                }
            }
        }
        read.interfaces.sort();
        read.methods.sort_by_key(|method| (method.interface.clone(), method.member.clone()));
        read
    }
}

fn method(interface: Node<'_, '_>, method: Node<'_, '_>) -> Method {
    let argument = |node: Node<'_, '_>| Argument {
        name: name(node),
        signature: node.attribute("type").expect("a type").to_owned(),
        // "in" is what the specification has a method's argument be when nothing is said.
        is_input: node.attribute("direction").unwrap_or("in") == "in",
    };
    let arguments = method.children().filter(|node| node.has_tag_name("arg"));
    Method {
        interface: name(interface),
        member: name(method),
        arguments: arguments.map(argument).collect(),
        prose: prose(method),
    }
}

fn name(node: Node<'_, '_>) -> String {
    node.attribute("name").unwrap_or_default().to_owned()
}

fn prose(node: Node<'_, '_>) -> String {
    let before = node.prev_siblings().find(|sibling| !sibling.is_text() && *sibling != node);
    before.filter(Node::is_comment).map(text).unwrap_or_default()
}

fn text(comment: Node<'_, '_>) -> String {
    comment.text().unwrap_or_default().to_owned()
}
