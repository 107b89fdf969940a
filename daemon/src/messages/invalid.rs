//! What is wrong with an argument, in words.

use crate::failure::Invalid;

pub(super) fn invalid_text(invalid: &Invalid) -> String {
    let fixed = match invalid {
        Invalid::MessageTooLong => "The message is too long.",
        Invalid::UserNameTooLong => "The user name is too long.",
        Invalid::ContextTooLong => "A context entry is too long.",
        Invalid::Name => {
            "A name has 1 to 64 bytes, no control characters, and no space at its ends."
        }
        Invalid::KeyUriAndMore => "A key URI says all there is to say about a key.",
        Invalid::StrayCounter => "A counter belongs to a secret of a counter-based authenticator.",
        Invalid::CounterTooLarge => "A counter is at most 4294967295.",
        Invalid::NoAuthenticators => "There is no authenticator to take over.",
        Invalid::RecoveryCodes => {
            "Recovery codes to take over are at most ten, of eight digits each."
        }
        Invalid::Address => "A place is an address, `local`, `terminal` or `unknown`.",
        Invalid::NameOfEveryone => "A rule for everyone has no name.",
        Invalid::TooManyNames => "That names too many accounts at once.",
        Invalid::Author => "The author of a change has 1 to 256 bytes.",
        Invalid::Place(error) => return format!("A rule cannot name this place: {error}."),
        Invalid::Policy(error) => return format!("That is too much: {error}."),
        Invalid::Rule(error) => return format!("The rule cannot be: {error}."),
        Invalid::Parameters(error) => return format!("This cannot be: {error}."),
        Invalid::Secret(error) => return format!("The key cannot be used: {error}."),
        Invalid::KeyUri(error) => return format!("The key URI cannot be used: {error}."),
    };
    fixed.to_owned()
}
