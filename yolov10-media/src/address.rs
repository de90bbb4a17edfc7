//! Addresses without credentials, because results are passed on to others.

use std::borrow::Cow;

/// What ends the scheme of an address.
const SCHEME_END: &str = "://";
/// Schemes that are told even if the slashes after them are missing: a mistyped address has a password, too.
const SCHEMES: [&str; 8] = ["ftp:", "http:", "https:", "rtmp:", "rtsp:", "rtsps:", "tcp:", "udp:"];
/// Keys of an address whose values are nobody else's business: those that are called so, and those that end so.
const SECRETS: [&str; 6] = ["auth", "jwt", "key", "pass", "pw", "sig"];
const SECRET_ENDS: [&str; 11] = [
    "access_key",
    "accesskeyid",
    "api-key",
    "api_key",
    "apikey",
    "credential",
    "passwd",
    "password",
    "secret",
    "signature",
    "token",
];
/// What stands for such a value.
const HIDDEN: &str = "***";

/// A text without the user names and passwords of the addresses in it, and without the tokens of their queries.
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    match without_users(text) {
        Cow::Borrowed(text) => without_secrets(text),
        Cow::Owned(text) => without_secrets(&text).into_owned().into(),
    }
}

/// A text in whose addresses `password=x` has no value.
fn without_secrets(text: &str) -> Cow<'_, str> {
    let Some(start) = scheme_end(text) else {
        return text.into();
    };
    let is_end = |c: char| c.is_whitespace() || "&;#\"'<>\\".contains(c);
    let (scheme, mut rest) = text.split_at(start);
    let mut clean = scheme.to_owned();
    while let Some(at) = rest.find('=') {
        let (before, value) = rest.split_at(at + 1);
        let key = before[..at].rsplit(|c: char| is_end(c) || c == '?' || c == '/').next();
        let key = key.unwrap_or_default().to_ascii_lowercase();
        clean.push_str(before);
        rest = value;
        // What is hidden already may be followed by what is said about the address.
        let is_hidden = value.starts_with(HIDDEN);
        let length = if is_hidden { HIDDEN.len() } else { value.find(is_end).unwrap_or(value.len()) };
        if length > 0 && (SECRETS.contains(&&*key) || SECRET_ENDS.iter().any(|end| key.ends_with(end))) {
            clean.push_str(HIDDEN);
            rest = &value[length..];
        }
    }
    clean.push_str(rest);
    if clean == text { text.into() } else { clean.into() }
}

/// Where the first address in a text has its user, or else its host.
fn scheme_end(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let usual = text.find(SCHEME_END).map(|at| at + SCHEME_END.len());
    let mistyped = SCHEMES.iter().filter_map(|scheme| {
        let end = lower.find(scheme)? + scheme.len();
        Some(end + text[end..].bytes().take_while(|byte| *byte == b'/').count())
    });
    usual.into_iter().chain(mistyped).min()
}

fn without_users(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(start) = scheme_end(rest) {
        let (before, after) = rest.split_at(start);
        clean.push_str(before);
        let word = &after[..after.find(|c: char| c.is_whitespace() || "\"'<>".contains(c)).unwrap_or(after.len())];
        let authority = &word[..word.find(['/', '?', '#', '\\']).unwrap_or(word.len())];
        // A password that is not properly encoded may contain what ends a host's name; then no port follows.
        let is_port = |port: &str| port.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit());
        let is_host = authority.rsplit_once(':').is_none_or(|(_, port)| is_port(port));
        let end = authority.rfind('@').or_else(|| word.rfind('@').filter(|_| !is_host));
        rest = &after[end.map_or(0, |end| end + 1)..];
    }
    if clean.len() + rest.len() == text.len() {
        return text.into();
    }
    clean.push_str(rest);
    clean.into()
}

/// An address without user, password, query and fragment: the query of a presigned one is a credential, and differs each
/// time. Anything else is not changed.
pub(crate) fn without_query(name: &str) -> Cow<'_, str> {
    let Some(scheme) = name.find("://") else {
        return name.into();
    };
    let end = name[scheme..].find(['?', '#']).map_or(name.len(), |end| scheme + end);
    without_credentials(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_without_their_passwords() {
        for (text, expected) in [
            ("rtsp://admin:secret@camera:554/live", "rtsp://camera:554/live"),
            ("rtsp://admin:se/cr#et@camera/live", "rtsp://camera/live"),
            ("http://token@host/a@b.jpg?c", "http://host/a@b.jpg?c"),
            ("http://host:8080/a@b.jpg", "http://host:8080/a@b.jpg"),
            (
                "{\"image\":\"http://u:p@h/x\",\"error\":\"ftp://v:q@h: no\"}",
                "{\"image\":\"http://h/x\",\"error\":\"ftp://h: no\"}",
            ),
            ("http://u:p@[::1]/a@b.jpg", "http://[::1]/a@b.jpg"),
            ("me@example.org", "me@example.org"),
            ("http://host/a.jpg?size=9&access_token=t0p&x=1", "http://host/a.jpg?size=9&access_token=***&x=1"),
            ("rtsp://host/user=admin&password=t0p&channel=1", "rtsp://host/user=admin&password=***&channel=1"),
            ("https://h/a?X-Amz-Signature=t0p#x: 403 \"k=v\"", "https://h/a?X-Amz-Signature=***#x: 403 \"k=v\""),
            ("https://h/a?token=***: gone", "https://h/a?token=***: gone"),
            ("http:/u:p@h/x: gone", "http:/h/x: gone"),
            ("rtsp:u:p@h", "rtsp:h"),
            ("note: a:b@c", "note: a:b@c"),
            ("a.jpg?token=mine", "a.jpg?token=mine"),
            ("http://host/a?password=", "http://host/a?password="),
        ] {
            assert_eq!(without_credentials(text), expected);
        }
    }

    #[test]
    fn a_password_is_no_part_of_a_name() {
        for (url, name) in [
            ("rtsp://admin:s@cret@camera:554/live?at=@", "rtsp://camera:554/live?at=@"),
            ("http://user@host", "http://host"),
            ("http://host/a@b.jpg", "http://host/a@b.jpg"),
            ("a@b.jpg", "a@b.jpg"),
        ] {
            assert_eq!(without_credentials(url), name);
        }
    }

    #[test]
    fn the_query_of_a_presigned_address_is_a_credential() {
        for (address, name) in [
            ("https://example.org/a.jpg?X-Amz-Signature=abc#x", "https://example.org/a.jpg"),
            ("https://user:secret@example.org/a@b.jpg", "https://example.org/a@b.jpg"),
            ("http://example.org?key=1", "http://example.org"),
            ("a?b#c.jpg", "a?b#c.jpg"),
        ] {
            assert_eq!(without_query(address), name);
        }
    }
}
