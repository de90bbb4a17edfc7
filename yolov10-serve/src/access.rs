//! Who may send requests: holders of the token, and no web page of another origin.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use subtle::ConstantTimeEq;

use crate::problem::{Kind, Problem};
use crate::server::Server;
use crate::settings::Access;

/// Paths open without a token: whether the server is alive, and the page that asks for the token.
const OPEN: [&str; 6] = ["/", "/page.js", "/page.css", "/openapi.json", "/v2/health/live", "/v2/health/ready"];

pub(crate) async fn check(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let access = &server.settings.access;
    let allowed = check_browser(access, server.settings.http.ip(), request.headers());
    let allowed = allowed.and_then(|()| match OPEN.contains(&request.uri().path()) {
        true => Ok(()),
        false => check_token(access, request.headers()),
    });
    match allowed {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Compares in a time that reveals nothing about the token but its length.
pub(crate) fn check_token(access: &Access, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &access.token else { return Ok(()) };
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown =
        shown.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let is_it = shown.is_some_and(|(_, shown)| bool::from(shown.trim().as_bytes().ct_eq(token.as_bytes())));
    let what = if shown.is_some() { "another token was shown" } else { "no token was shown" };
    is_it.then_some(()).ok_or_else(|| {
        Problem::new(Kind::Unauthorized, format_args!("expected the header authorization: Bearer TOKEN, {what}"))
    })
}

/// A browser says which page sent a request. A page of another origin, or of a host name pointed at this machine, may
/// be hostile.
fn check_browser(access: &Access, address: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let host = text(HOST);
    if let Some(origin) = text(ORIGIN) {
        let is_same = host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, authority)| authority == host));
        if !is_same && !access.origins.iter().any(|allowed| allowed == origin) {
            let message = format!("origin {origin} is not allowed: see --cors");
            return Err(Problem::new(Kind::Forbidden, message));
        }
    }
    let is_guarded = address.is_loopback() && access.token.is_none();
    match host {
        Some(host) if is_guarded && !is_local(host) => {
            Err(Problem::new(Kind::Forbidden, format_args!("host {host}: expected localhost or an address")))
        }
        _ => Ok(()),
    }
}

/// Whether a host and port mean this machine, whatever a name server says.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const EVERYWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

    fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_the_whole_token_will_do() {
        let access = Access { token: Some("secret".to_owned()), ..Access::default() };
        let check = |shown| check_token(&access, &headers(&[(AUTHORIZATION, shown)]));
        assert!(check("Bearer secret").is_ok() && check("bearer  secret").is_ok());
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer ", "secret", "Basic secret", "Bearer SECRET"] {
            assert_eq!(check(wrong).expect_err(wrong).kind, Kind::Unauthorized);
        }
        let message = check_token(&access, &HeaderMap::new()).expect_err("there is none").message;
        assert_eq!(message, "expected the header authorization: Bearer TOKEN, no token was shown");
        assert!(check_token(&Access::default(), &HeaderMap::new()).is_ok());
    }

    #[test]
    fn pages_of_other_origins_and_of_names_that_were_bent_here_are_refused() {
        let access = Access { origins: vec!["https://good.example".to_owned()], ..Access::default() };
        let check = |address, pairs: &[_]| check_browser(&access, address, &headers(pairs)).is_ok();
        assert!(check(HERE, &[(HOST, "127.0.0.1:8000")]));
        assert!(check(HERE, &[(HOST, "[::1]:8000"), (ORIGIN, "http://[::1]:8000")]));
        assert!(check(HERE, &[(HOST, "localhost:8000"), (ORIGIN, "https://good.example")]));
        assert!(!check(HERE, &[(HOST, "localhost:8000"), (ORIGIN, "https://evil.example")]));
        assert!(!check(HERE, &[(HOST, "localhost:8000"), (ORIGIN, "null")]));
        assert!(!check(HERE, &[(HOST, "evil.example:8000"), (ORIGIN, "http://evil.example:8000")]));
        assert!(check(EVERYWHERE, &[(HOST, "detector.example:8000")]));
    }
}
