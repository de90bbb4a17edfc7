//! Fetches pictures from URLs: only from the hosts named at the start, and from no address in a private network
//! unless that address was named too.

use std::io::Read;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use ureq::Agent;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::problem::{Kind, Problem};
use crate::server::Server;

/// Longest time for a whole transfer.
const PATIENCE: Duration = Duration::from_secs(20);
const REDIRECTS: usize = 5;

/// Fetches the bytes at `url`, if that is allowed.
pub(crate) async fn fetch(server: &Server, url: &str) -> Result<Bytes, Problem> {
    let hosts = server.settings.access.fetch_hosts.clone();
    let limit = server.settings.limits.body;
    let url = url.to_owned();
    server.pool.run(move || follow(&hosts, url, limit)).await
}

fn follow(hosts: &[String], mut url: String, limit: usize) -> Result<Bytes, Problem> {
    for _ in 0..=REDIRECTS {
        let uri: Uri = url.parse().map_err(|error| Problem::invalid(format_args!("url {url}: {error}")))?;
        check_host(hosts, &uri)?;
        let failed = |error: ureq::Error| match error {
            ureq::Error::HostNotFound if is_named(hosts, &uri) => Problem::new(
                Kind::Forbidden,
                format_args!("url {url}: its host has no address that may be fetched from"),
            ),
            error => Problem::invalid(format_args!("url {url}: {error}")),
        };
        let config = Agent::config_builder()
            .user_agent(concat!("yolo10-burn/", env!("CARGO_PKG_VERSION")))
            // Every redirect is checked like the first address.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build();
        let resolver = Guarded { hosts: hosts.to_vec() };
        let agent = Agent::with_parts(config, DefaultConnector::default(), resolver);
        let response = agent.get(&uri).call().map_err(failed)?;
        if response.status().is_redirection() {
            let location = response.headers().get("location").and_then(|location| location.to_str().ok());
            let location = location.ok_or_else(|| Problem::invalid(format_args!("url {url}: it leads nowhere")))?;
            url = absolute(&uri, location);
            continue;
        }
        let mut bytes = Vec::new();
        let read = response.into_body().into_reader().take(limit as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Problem::invalid(format_args!("url {url}: the transfer broke off: {error}")))?;
        if bytes.len() > limit {
            let message = format!("url {url}: expected at most {limit} bytes, found more");
            return Err(Problem::new(Kind::TooLarge, message));
        }
        return Ok(bytes.into());
    }
    Err(Problem::invalid(format_args!("url {url}: more than {REDIRECTS} redirects")))
}

/// The target of a redirect.
fn absolute(from: &Uri, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let scheme = from.scheme_str().unwrap_or("http");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let slash = if location.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{authority}{slash}{location}")
}

fn check_host(hosts: &[String], uri: &Uri) -> Result<(), Problem> {
    if hosts.is_empty() {
        return Err(Problem::new(Kind::Forbidden, "no url is fetched: see --allow-url"));
    }
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(Problem::invalid(format_args!("url {uri}: expected http or https")));
    }
    if is_named(hosts, uri) {
        return Ok(());
    }
    let host = uri.host().unwrap_or("");
    Err(Problem::new(Kind::Forbidden, format_args!("url {uri}: the host {host} is not among those of --allow-url")))
}

fn is_named(hosts: &[String], uri: &Uri) -> bool {
    let host = uri.host().unwrap_or("");
    hosts.iter().any(|named| bare(named).eq_ignore_ascii_case(bare(host)))
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Resolves names to public addresses only; the addresses checked are those used to connect.
#[derive(Debug)]
struct Guarded {
    hosts: Vec<String>,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| self.may_connect(address)) {
            allowed.push(*address);
        }
        if allowed.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(allowed) }
    }
}

impl Guarded {
    fn may_connect(&self, address: &SocketAddr) -> bool {
        let address = address.ip();
        let is_named = self.hosts.iter().any(|host| bare(host).parse() == Ok(address));
        is_named || is_public(address)
    }
}

/// Whether an address is on the public internet (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_protocols = v4.octets()[..3] == [192, 0, 0];
            let is_benchmark = a == 198 && (b == 18 || b == 19);
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast()
                || is_shared
                || is_protocols
                || is_benchmark
                || a == 0
                || a >= 240)
        }
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // Global unicast, except the range for documentation.
            None => v6.segments()[0] & 0xe000 == 0x2000 && v6.segments()[..2] != [0x2001, 0x0db8],
        },
    }
}

/// The IPv4 address within an IPv6 address: mapped, NAT64 or 6to4.
fn embedded(v6: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let segments = v6.segments();
    let low = || {
        let [a, b] = segments[6].to_be_bytes();
        let [c, d] = segments[7].to_be_bytes();
        std::net::Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(low()),
        [0x2002, first, second, ..] => {
            let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
            Some(std::net::Ipv4Addr::new(a, b, c, d))
        }
        _ => v6.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_network_are_not_public() {
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
    }

    #[test]
    fn only_named_hosts_are_fetched_from() {
        let check = |hosts: &[&str], url: &str| {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            check_host(&hosts, &url.parse().expect("a url")).map_err(|problem| problem.message)
        };
        assert_eq!(check(&["pictures.example"], "https://Pictures.Example/a.jpg"), Ok(()));
        assert_eq!(check(&["[::1]"], "http://[::1]:80/a.jpg"), Ok(()));
        assert_eq!(
            check(&["pictures.example"], "http://pictures.example.evil/a.jpg").expect_err("another host"),
            "url http://pictures.example.evil/a.jpg: the host pictures.example.evil is not among those of --allow-url"
        );
        assert_eq!(check(&[], "http://a/").expect_err("none"), "no url is fetched: see --allow-url");
        assert_eq!(check(&["a"], "ftp://a/").expect_err("a scheme"), "url ftp://a/: expected http or https");
    }
}
