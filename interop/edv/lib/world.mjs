// People, their keys and their clients, against the provider of EDV_URL.
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import assert from 'node:assert/strict';
import http from 'node:http';
import jsigs from 'jsonld-signatures';
import {CapabilityDelegation, documentLoader, extendDocumentLoader} from '@digitalbazaar/zcap';
import {Ed25519Signature2020} from '@digitalbazaar/ed25519-signature-2020';
import {EdvClient, EdvClientCore} from '@digitalbazaar/edv-client';
import {X25519KeyAgreementKey2020} from '@digitalbazaar/x25519-key-agreement-key-2020';
import {ZcapClient} from '@digitalbazaar/ezcap';
import {randomUUID, webcrypto} from 'node:crypto';
import {signCapabilityInvocation} from '@digitalbazaar/http-signature-zcap-invoke';

const origin = process.env.EDV_URL;
assert.ok(origin, 'set EDV_URL to the origin of a provider');
export const vaultsUrl = `${origin.replace(/\/$/, '')}/edvs`;
export const rootOf = url => `urn:zcap:root:${encodeURIComponent(url)}`;
export const newId = () => EdvClient.generateId();

// public keys of everybody made here, where clients look recipients up
const published = new Map();

export class Person {
  static async make() {
    const person = new Person();
    const key = await Ed25519Multikey.generate();
    person.did = key.controller = `did:key:${key.publicKeyMultibase}`;
    key.id = `${person.did}#${key.publicKeyMultibase}`;
    person.signer = key.signer();
    const agree = await X25519KeyAgreementKey2020.generate({controller: person.did});
    person.agree = agree;
    published.set(agree.id, {
      id: agree.id, type: agree.type, publicKeyMultibase: agree.publicKeyMultibase
    });
    person.hmac = await blinder();
    person.zcaps = new ZcapClient({
      SuiteClass: Ed25519Signature2020,
      invocationSigner: person.signer, delegationSigner: person.signer
    });
    return person;
  }

  config(more = {}) {
    const {agree, hmac} = this;
    return {
      sequence: 0, controller: this.did,
      keyAgreementKey: {id: agree.id, type: agree.type},
      hmac: {id: hmac.id, type: hmac.type}, ...more
    };
  }

  openVault(more) {
    return EdvClient.createEdv({
      url: vaultsUrl, config: this.config(more), invocationSigner: this.signer
    });
  }

  // a client of a vault; with `capability` instead of an id, of what that is about
  client(options) {
    const given = typeof options === 'string' ? {id: options} : options;
    return new EdvClient({
      keyResolver: async ({id}) => published.get(id), keyAgreementKey: this.agree,
      hmac: this.hmac, invocationSigner: this.signer, ...given
    });
  }

  // lets `to` act on `target`; a capability to hand on
  delegate({to, target, actions = ['read'], from, expires}) {
    return this.zcaps.delegate({
      capability: from ?? rootOf(vaultOf(target)), controller: to.did, invocationTarget: target,
      allowedActions: actions, expires: expires ?? new Date(Date.now() + 3_600_000)
    });
  }

  // one signed request without a client; `bend` may change it after it was signed
  async send({method = 'POST', url, body, capability, action, as = {}, headers = {}, bend}) {
    const json = body === undefined ? undefined : body;
    const signed = await signCapabilityInvocation({
      url, method: method.toLowerCase(), json, headers: {accept: 'application/json', ...headers},
      capability: capability ?? rootOf(vaultOf(url)),
      capabilityAction: action ?? (method === 'GET' ? 'read' : 'write'),
      invocationSigner: this.signer, ...as
    });
    const request = {
      method, url, headers: signed, body: json === undefined ? undefined : JSON.stringify(json)
    };
    bend?.(request);
    return exchange(request);
  }
}

// the URL of the vault that a URL is in
export function vaultOf(url) {
  const rest = url.slice(vaultsUrl.length + 1);
  return url.length > vaultsUrl.length ? `${vaultsUrl}/${rest.split(/[/?]/)[0]}` : vaultsUrl;
}

// one request exactly as given; fetch would add and take away headers
export function exchange({method, url, headers = {}, body}) {
  const length = body === undefined ? {} : {'content-length': Buffer.byteLength(body)};
  return new Promise((resolve, reject) => {
    const request = http.request(url, {method, headers: {...headers, ...length}}, answer => {
      const parts = [];
      answer.on('data', part => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const json = answer.headers['content-type']?.includes('json') && text;
        resolve({
          status: answer.statusCode, headers: answer.headers, text,
          json: json ? JSON.parse(json) : undefined
        });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function blinder() {
  const key = await webcrypto.subtle.generateKey(
    {name: 'HMAC', hash: 'SHA-256'}, false, ['sign', 'verify']);
  return {
    id: `urn:uuid:${randomUUID()}`, type: 'Sha256HmacKey2019',
    sign: async ({data}) => new Uint8Array(await webcrypto.subtle.sign('HMAC', key, data)),
    verify: ({data, signature}) => webcrypto.subtle.verify('HMAC', key, signature, data)
  };
}

// the client must be refused with this status, and call it by this name
export async function refused(promise, status, name) {
  const error = await promise.then(
    value => assert.fail(`not refused: ${JSON.stringify(value)?.slice(0, 200)}`), error => error);
  const found = error.status ?? error.cause?.status;
  assert.equal(found, status, `${error.name}: ${error.message} ${JSON.stringify(error.data)}`);
  if(name) {
    assert.equal(error.name, name);
  }
}

// an answer that refuses: its form, and that it tells nothing of the inside or the request
export function isRefusal(answer, status, name) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.json.details.httpStatusCode, status);
  if(name) {
    assert.equal(answer.json.name, name);
  }
  assert.deepEqual(Object.keys(answer.json).sort(), ['cause', 'details', 'message', 'name']);
  assert.ok(!/\.rs|\.js|stack|did:key|urn:/.test(answer.text), answer.text);
}

// an encrypted document as a client of `person` would send it
export async function sealed(person, doc = {content: {some: 'thing'}}) {
  const core = new EdvClientCore({
    hmac: person.hmac, keyAgreementKey: person.agree,
    keyResolver: async ({id}) => published.get(id)
  });
  let sent;
  await core.insert({
    doc: {id: await newId(), ...doc},
    transport: {insert: async ({encrypted}) => sent = structuredClone(encrypted)}
  });
  return sent;
}

// a delegation with a proof that holds, whatever it says: the package refuses to widen rights
export function delegateFreely({signer, parent, ...members}) {
  class Anything extends CapabilityDelegation {
    async update(proof) {
      const [root] = parent.proof.capabilityChain;
      return Object.assign(proof, {
        proofPurpose: 'capabilityDelegation', capabilityChain: [root, parent]
      });
    }
  }
  const loader = extendDocumentLoader(async url => url === Ed25519Signature2020.CONTEXT_URL ?
    {contextUrl: null, document: Ed25519Signature2020.CONTEXT, documentUrl: url} :
    documentLoader(url));
  const zcap = {
    '@context': 'https://w3id.org/zcap/v1', id: `urn:uuid:${randomUUID()}`,
    parentCapability: parent.id, allowedAction: ['read'],
    expires: new Date(Date.now() + 1_800_000).toISOString().slice(0, -5) + 'Z', ...members
  };
  return jsigs.sign(JSON.parse(JSON.stringify(zcap)), {
    documentLoader: loader, suite: new Ed25519Signature2020({signer}),
    purpose: new Anything({parentCapability: parent})
  });
}
