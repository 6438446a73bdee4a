//! The quads that a zcap's proof is made over. Comes in: a zcap of the one shape. Goes out: the
//! quads of its proof's options and of the rest, and the 64 bytes that are signed. Must not know:
//! JSON-LD, contexts, keys.
//!
//! What a JSON-LD processor makes of the two fixed contexts, written out for this one shape. The
//! proof of an embedded parent stands in a graph of its own, named by a blank node; what is
//! embedded in that proof stands in the same graph. Table: docs/spec/edv.md.

use sha2::{Digest, Sha256};

use super::canon::{CanonError, Quad, Term, canonical};
use super::time::Moment;
use super::zcap::{Proof, Zcap};

/// What the terms of both contexts begin with.
const SECURITY: &str = "https://w3id.org/security#";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const CREATED: &str = "http://purl.org/dc/terms/created";
const DATE_TIME: &str = "http://www.w3.org/2001/XMLSchema#dateTime";

/// SHA-256 of the options, then SHA-256 of the rest.
pub(super) fn to_be_signed(zcap: &Zcap) -> Result<[u8; 64], CanonError> {
    let mut bytes = [0; 64];
    let (options, document) = bytes.split_at_mut(32);
    options.copy_from_slice(&Sha256::digest(canonical(&proof_options(zcap))?));
    document.copy_from_slice(&Sha256::digest(canonical(&without_proof(zcap))?));
    Ok(bytes)
}

/// The quads of a zcap without its proof.
pub fn without_proof(zcap: &Zcap) -> Vec<Quad> {
    let mut quads = Quads::default();
    quads.claims(zcap, None);
    quads.all
}

/// The quads of a zcap's proof without its value, and with all ancestors that stand in it.
pub fn proof_options(zcap: &Zcap) -> Vec<Quad> {
    let mut quads = Quads::default();
    quads.proof(&zcap.proof, None, false);
    quads.all
}

/// Quads in the making.
#[derive(Default)]
struct Quads {
    all: Vec<Quad>,
    blanks: usize,
}

/// The graph something stands in.
type Graph<'a> = Option<&'a Term>;

impl Quads {
    fn blank(&mut self) -> Term {
        self.blanks += 1;
        Term::Blank(self.blanks)
    }

    fn put(&mut self, subject: &Term, predicate: &str, object: Term, graph: Graph<'_>) {
        let predicate = format!("<{predicate}>");
        self.all.push(Quad { subject: subject.clone(), predicate, object, graph: graph.cloned() });
    }

    /// What a zcap says, but for its proof.
    fn claims(&mut self, zcap: &Zcap, graph: Graph<'_>) {
        let subject = Term::iri(&zcap.id);
        for controller in &zcap.controllers {
            self.put(&subject, &security("controller"), Term::iri(controller), graph);
        }
        if let Some(parent) = zcap.proof.chain.last() {
            self.put(&subject, &security("parentCapability"), Term::iri(parent), graph);
        }
        self.put(&subject, &security("invocationTarget"), Term::iri(&zcap.target), graph);
        self.put(&subject, &security("expiration"), date_time(&zcap.expires), graph);
        for action in zcap.actions.iter().flatten() {
            self.put(&subject, &security("allowedAction"), Term::literal(action, None), graph);
        }
        if let Some(reference) = &zcap.reference {
            self.put(&subject, &security("referenceId"), Term::literal(reference, None), graph);
        }
    }

    /// A whole zcap, as it is embedded.
    fn embedded(&mut self, zcap: &Zcap, graph: Graph<'_>) {
        self.claims(zcap, graph);
        let own = self.blank();
        self.put(&Term::iri(&zcap.id), &security("proof"), own.clone(), graph);
        self.proof(&zcap.proof, Some(&own), true);
    }

    fn proof(&mut self, proof: &Proof, graph: Graph<'_>, with_value: bool) {
        let subject = self.blank();
        let kind = Term::iri(&security("Ed25519Signature2020"));
        self.put(&subject, &format!("{RDF}type"), kind, graph);
        self.put(&subject, CREATED, date_time(&proof.created), graph);
        let purpose = Term::iri(&security("capabilityDelegationMethod"));
        self.put(&subject, &security("proofPurpose"), purpose, graph);
        let method = Term::iri(&proof.method);
        self.put(&subject, &security("verificationMethod"), method, graph);
        if with_value {
            let value = Term::literal(&proof.value_text(), Some(&security("multibase")));
            self.put(&subject, &security("proofValue"), value, graph);
        }
        let list = self.list(&proof.chain, graph);
        self.put(&subject, &security("capabilityChain"), list, graph);
        if let Some(parent) = &proof.parent {
            self.embedded(parent, graph);
        }
    }

    /// An RDF list of ids, from its end on.
    fn list(&mut self, ids: &[String], graph: Graph<'_>) -> Term {
        let mut rest = Term::iri(&format!("{RDF}nil"));
        for id in ids.iter().rev() {
            let cell = self.blank();
            self.put(&cell, &format!("{RDF}first"), Term::iri(id), graph);
            self.put(&cell, &format!("{RDF}rest"), rest, graph);
            rest = cell;
        }
        rest
    }
}

fn security(name: &str) -> String {
    format!("{SECURITY}{name}")
}

fn date_time(moment: &Moment) -> Term {
    Term::literal(moment.text(), Some(DATE_TIME))
}
