//! A vault's configuration. Comes in: JSON of a stranger. Goes out: its fields, and JSON again.
//! Must not know: which vaults there are, who asks.

use core::fmt;
use core::str::FromStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::json::{Json, write_text};
use super::super::limits::{IP_ALLOW_LIST_MAX, URL_LEN_MAX};
use super::{KeyName, ModelError, Shape, text, wrong};

/// What a vault's controller says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The vault's URL, where the client sent one.
    pub id: Option<String>,
    /// Whose it is: a DID.
    pub controller: String,
    /// How often it was changed.
    pub sequence: u64,
    /// The controller's own name for it, by which it finds it again.
    pub reference_id: Option<String>,
    /// Kept for clients that send it; it means nothing here.
    pub meter_id: Option<String>,
    /// The key that new documents are sealed to.
    pub key_agreement_key: KeyName,
    /// The key that blinds what is indexed.
    pub hmac: KeyName,
    /// Networks from which requests are taken; empty: from everywhere.
    pub ip_allow_list: Vec<Cidr>,
}

impl Config {
    /// Reads a configuration.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        const MEMBERS: [&str; 8] = [
            "id",
            "controller",
            "sequence",
            "referenceId",
            "meterId",
            "keyAgreementKey",
            "hmac",
            "ipAllowList",
        ];
        let json = Json::parse(bytes)?;
        let it = Shape::of(&json, "the configuration", &MEMBERS)?;
        let maybe = |name, at| {
            let found = it.maybe(name).map(|json| text(json, (at, URL_LEN_MAX)));
            Ok::<_, ModelError>(found.transpose()?.map(str::to_owned))
        };
        Ok(Self {
            id: maybe("id", "id")?,
            controller: it.text("controller", ("controller", URL_LEN_MAX))?,
            sequence: it.sequence("sequence")?,
            reference_id: maybe("referenceId", "referenceId")?,
            meter_id: maybe("meterId", "meterId")?,
            key_agreement_key: KeyName::read(it.need("keyAgreementKey")?, "keyAgreementKey")?,
            hmac: KeyName::read(it.need("hmac")?, "hmac")?,
            ip_allow_list: it.maybe("ipAllowList").map_or(Ok(Vec::new()), allow_list)?,
        })
    }

    /// The JSON, with `id` as the vault's URL, or without one.
    pub fn to_json(&self, id: Option<&str>) -> String {
        let mut out = String::with_capacity(512);
        let mut first = true;
        let mut text_member = |out: &mut String, name: &str, value: &str| {
            out.push_str(if std::mem::take(&mut first) { "{\"" } else { ",\"" });
            out.push_str(name);
            out.push_str("\":");
            write_text(out, value);
        };
        if let Some(id) = id {
            text_member(&mut out, "id", id);
        }
        text_member(&mut out, "controller", &self.controller);
        out.push_str(",\"sequence\":");
        out.push_str(&self.sequence.to_string());
        for (name, value) in [("referenceId", &self.reference_id), ("meterId", &self.meter_id)] {
            if let Some(value) = value {
                text_member(&mut out, name, value);
            }
        }
        out.push_str(",\"keyAgreementKey\":");
        self.key_agreement_key.write(&mut out);
        out.push_str(",\"hmac\":");
        self.hmac.write(&mut out);
        if !self.ip_allow_list.is_empty() {
            let all: Vec<_> = self.ip_allow_list.iter().map(|cidr| format!("\"{cidr}\"")).collect();
            out.push_str(",\"ipAllowList\":[");
            out.push_str(&all.join(","));
            out.push(']');
        }
        out.push('}');
        out
    }

    /// Whether requests from this address are taken.
    pub fn admits(&self, address: IpAddr) -> bool {
        let list = &self.ip_allow_list;
        list.is_empty() || list.iter().any(|cidr| cidr.contains(address))
    }
}

fn allow_list(json: &Json<'_>) -> Result<Vec<Cidr>, ModelError> {
    const AT: &str = "ipAllowList";
    let items = json.items().filter(|all| (1..=IP_ALLOW_LIST_MAX).contains(&all.len()));
    let items = items.ok_or(wrong(AT, "a list of one network at least, and not too many"))?;
    let read = |item: &Json<'_>| item.text().and_then(|text| text.parse().ok());
    items.iter().map(|item| read(item).ok_or(wrong(AT, "networks, as 10.0.0.0/8"))).collect()
}

/// A network: an address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Whether an address lies in it. An IPv4 address that came as a mapped IPv6 one is the former.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = text.split_once('/').ok_or(())?;
        let plain = !bits.is_empty() && bits.bytes().all(|c| c.is_ascii_digit());
        let bits: u8 = bits.parse().ok().filter(|_| plain).ok_or(())?;
        if let Ok(v4) = address.parse::<Ipv4Addr>() {
            return (bits <= 32).then_some(Self { address: v4.into(), bits }).ok_or(());
        }
        let v6: Ipv6Addr = address.parse().map_err(|_| ())?;
        (bits <= 128).then_some(Self { address: v6.into(), bits }).ok_or(())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"https://edv.example/edvs/z1",
        "controller":"did:key:z6Mk","sequence":3,
        "referenceId":"a \"b\"","meterId":"m","keyAgreementKey":{"id":"k","type":"X"},
        "hmac":{"id":"h","type":"Y"},"ipAllowList":["10.0.0.0/8","2001:db8::/32"]}"#;

    #[test]
    fn what_is_written_reads_back() {
        let config = Config::parse(GOOD.as_bytes()).unwrap();
        let id = config.id.clone().unwrap();
        assert_eq!(Config::parse(config.to_json(Some(&id)).as_bytes()), Ok(config.clone()));
        let without = Config { id: None, reference_id: None, ip_allow_list: Vec::new(), ..config };
        assert_eq!(Config::parse(without.to_json(None).as_bytes()), Ok(without));
    }

    #[test]
    fn each_member_is_looked_at() {
        let swaps = [
            ("\"sequence\":3", "\"sequence\":-1"),
            ("\"sequence\":3", "\"sequence\":1.0"),
            ("\"sequence\":3", "\"sequence\":9007199254740991"),
            ("\"sequence\":3", "\"sequence\":\"3\""),
            ("\"sequence\":3", "\"sequence\":3,\"sequence\":3"),
            ("\"sequence\":3,", ""),
            ("\"did:key:z6Mk\"", "\"\""),
            ("\"did:key:z6Mk\"", "[\"did:key:z6Mk\"]"),
            ("\"meterId\":\"m\"", "\"meterId\":7"),
            ("\"meterId\":\"m\"", "\"invoker\":\"did:key:z6Mk\""),
            ("{\"id\":\"k\",\"type\":\"X\"}", "{\"id\":\"k\"}"),
            ("{\"id\":\"h\",\"type\":\"Y\"}", "{\"id\":\"h\",\"type\":\"Y\",\"more\":1}"),
            ("[\"10.0.0.0/8\",\"2001:db8::/32\"]", "[]"),
            ("\"10.0.0.0/8\"", "\"10.0.0.0\""),
            ("\"10.0.0.0/8\"", "\"10.0.0.0/33\""),
            ("\"10.0.0.0/8\"", "\"10.0.0.0/+8\""),
            ("\"2001:db8::/32\"", "7"),
        ];
        for (from, to) in swaps {
            assert!(GOOD.contains(from), "{from}");
            let bent = GOOD.replacen(from, to, 1);
            assert!(Config::parse(bent.as_bytes()).is_err(), "{to}");
        }
        assert!(Config::parse(GOOD.as_bytes()).is_ok(), "the positive control");
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let inside = |cidr: &str, address: &str| {
            cidr.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
        };
        assert!(inside("10.0.0.0/8", "10.255.0.1") && inside("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(!inside("10.0.0.0/8", "11.0.0.1") && !inside("10.0.0.0/8", "::1"));
        assert!(inside("0.0.0.0/0", "203.0.113.9") && !inside("0.0.0.0/0", "2001:db8::1"));
        assert!(inside("192.0.2.7/32", "192.0.2.7") && !inside("192.0.2.7/32", "192.0.2.8"));
        assert!(inside("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!inside("2001:db8::/32", "2001:db9::1") && inside("::/0", "2001:db9::1"));
    }
}
