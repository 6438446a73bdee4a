// The npm client over keys that `strongroom edv export --keys` wrote, or over its own, which
// `strongroom edv import` takes: each program reads what the other wrote. Driven step by step from
// crates/strongroom/tests/it/edv_interop.rs: `node both-ways.mjs STEP FILE…`. A step that finds
// something else than it should ends with an exception.
import * as EcdsaMultikey from '@digitalbazaar/ecdsa-multikey';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import assert from 'node:assert/strict';
import {EdvClient} from '@digitalbazaar/edv-client';
import {X25519KeyAgreementKey2020} from '@digitalbazaar/x25519-key-agreement-key-2020';
import {createHmac, randomBytes, randomUUID} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';

const MIB = 1_048_576;
const read = file => JSON.parse(readFileSync(file, 'utf8'));
const bytes = text => new Uint8Array(Buffer.from(text, 'base64url'));
const text = raw => Buffer.from(raw).toString('base64url');
// bytes that both programs can make
function noise(length) {
  let x = 1;
  return Uint8Array.from({length}, () => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return (x >> 16) & 255;
  });
}

function blinder({id, key}) {
  return {
    id, type: 'Sha256HmacKey2019',
    sign: async ({data}) => new Uint8Array(createHmac('sha256', key).update(data).digest()),
    verify: async () => true
  };
}

async function signerOf(seed) {
  const key = await Ed25519Multikey.generate({seed});
  key.controller = `did:key:${key.publicKeyMultibase}`;
  key.id = `${key.controller}#${key.publicKeyMultibase}`;
  return {did: key.controller, signer: key.signer()};
}

// the public key that a name is
async function keyResolver({id}) {
  return {
    id, type: 'X25519KeyAgreementKey2020', publicKeyMultibase: id.slice(id.indexOf('#') + 1)
  };
}

// a client over a file of keys
async function clientOf(keys) {
  const {did, signer} = await signerOf(bytes(keys.seed));
  assert.equal(did, keys.controller);
  const {id, privateKeyMultibase} = keys.keyAgreementKey;
  const agree = await X25519KeyAgreementKey2020.from({
    id, controller: did, type: 'X25519KeyAgreementKey2020',
    publicKeyMultibase: id.slice(id.indexOf('#') + 1), privateKeyMultibase
  });
  const client = new EdvClient({
    id: keys.vault, keyResolver, keyAgreementKey: agree, invocationSigner: signer,
    hmac: blinder({id: keys.hmac.id, key: bytes(keys.hmac.key)})
  });
  for(const {attributes, unique} of keys.indexes) {
    client.ensureIndex({attribute: attributes, unique});
  }
  return client;
}

async function all(stream) {
  const parts = [];
  for await (const part of stream) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const streamOf = data => new ReadableStream({
  start(controller) {
    controller.enqueue(data);
    controller.close();
  }
});

const steps = {
  // what strongroom wrote, by its keys
  async reads(keysFile, idsFile) {
    const client = await clientOf(read(keysFile));
    const ids = read(idsFile);
    const doc = await client.get({id: ids.document});
    assert.deepEqual(doc.content, {sku: 'A-1', owner: 'alice', kind: ['x', 'y'], n: 1e21, 'é': 'ů'});
    assert.deepEqual(doc.meta, {by: 'strongroom'});
    const streamed = await client.get({id: ids.stream});
    const data = await all(await client.getStream({doc: streamed}));
    assert.ok(data.equals(Buffer.from(noise(2 * MIB + 7))), `${data.length} bytes`);
    for(const [equals, count] of [
      [{'content.sku': 'A-1'}, 1], [{'content.owner': 'alice'}, 1],
      [{'content.owner': 'alice', 'content.kind': 'y'}, 1], [{'content.n': 1e21}, 1],
      [{'content.owner': 'bob'}, 0]
    ]) {
      const {documents} = await client.find({equals});
      assert.equal(documents.length, count, JSON.stringify(equals));
    }
    assert.equal((await client.find({has: 'content.sku'})).documents.length, 1);
  },
  // what strongroom is to read, and an update of what it wrote
  async writes(keysFile, idsFile) {
    const client = await clientOf(read(keysFile));
    const ids = read(idsFile);
    const theirs = await client.get({id: ids.document});
    theirs.content.owner = 'bob';
    await client.update({doc: theirs});
    const document = await client.insert({doc: {
      content: {sku: 'B-1', owner: 'carroll', kind: ['z', {deep: [1, -0, 1e-7]}], n: 0.1},
      meta: {by: 'npm'}
    }});
    const stream = await client.insert({
      doc: {content: {sku: 'B-2'}}, stream: streamOf(noise(3 * MIB + 1))
    });
    const gone = await client.insert({doc: {content: {sku: 'B-3'}}});
    await client.delete({doc: gone});
    writeFileSync(idsFile, JSON.stringify({
      ...ids, npmDocument: document.id, npmStream: stream.id, npmGone: gone.id
    }));
  },
  // a vault of npm's own; `version`: recommended or fips
  async creates(url, keysFile, version) {
    const seed = randomBytes(32);
    const {did, signer} = await signerOf(new Uint8Array(seed));
    let agree;
    let secret;
    if(version === 'fips') {
      agree = await EcdsaMultikey.generate({curve: 'P-256', keyAgreement: true});
      agree.id = `urn:uuid:${randomUUID()}`;
      ({secretKeyMultibase: secret} = await agree.export({secretKey: true}));
    } else {
      agree = await X25519KeyAgreementKey2020.generate({controller: did});
      secret = agree.privateKeyMultibase;
    }
    const key = randomBytes(32);
    const hmac = blinder({id: `urn:uuid:${randomUUID()}`, key});
    const published = version === 'fips' ?
      {...await agree.export({publicKey: true, includeContext: true}), id: agree.id} :
      {id: agree.id, type: agree.type, publicKeyMultibase: agree.publicKeyMultibase};
    const {id} = await EdvClient.createEdv({
      url: `${url}/edvs`, invocationSigner: signer, config: {
        sequence: 0, controller: did, keyAgreementKey: {id: agree.id, type: 'Multikey'},
        hmac: {id: hmac.id, type: hmac.type}
      }
    });
    const client = new EdvClient({
      id, keyResolver: async () => published, keyAgreementKey: agree, hmac,
      invocationSigner: signer, cipherVersion: version
    });
    client.ensureIndex({attribute: 'content.sku', unique: true});
    const doc = await client.insert({doc: {content: {sku: 'C-1'}}});
    writeFileSync(keysFile, JSON.stringify({
      type: 'strongroom-edv-keys', form: 1, vault: id, name: `npm ${version}`, controller: did,
      seed: text(seed), keyAgreementKey: {id: agree.id, privateKeyMultibase: secret},
      hmac: {id: hmac.id, key: text(key)},
      indexes: [{attributes: ['content.sku'], unique: true}], document: doc.id, published
    }));
  },
  // what strongroom wrote into a vault of npm's fips profile
  async readsFips(keysFile, documentId) {
    const keys = read(keysFile);
    const {signer} = await signerOf(bytes(keys.seed));
    const agree = await EcdsaMultikey.from({
      ...keys.published, secretKeyMultibase: keys.keyAgreementKey.privateKeyMultibase
    }, true);
    agree.id = keys.keyAgreementKey.id;
    const client = new EdvClient({
      id: keys.vault, keyResolver: async () => keys.published, keyAgreementKey: agree,
      invocationSigner: signer, cipherVersion: 'fips'
    });
    const doc = await client.get({id: documentId});
    assert.deepEqual(doc.content, {sku: 'C-2'});
    const {epk} = doc.jwe.recipients[0].header;
    assert.equal(epk.d, undefined, 'the private half of the ephemeral key is nobody\'s');
  },
  // somebody with the npm client who is let in
  async makesKeys(file) {
    const seed = randomBytes(32);
    const {did} = await signerOf(new Uint8Array(seed));
    const agree = await X25519KeyAgreementKey2020.generate({controller: did});
    writeFileSync(file, JSON.stringify({
      seed: text(seed), id: agree.id, privateKeyMultibase: agree.privateKeyMultibase
    }));
  },
  async usesGrant(keysFile, grantFile, documentId) {
    const keys = read(keysFile);
    const grant = read(grantFile);
    const {did, signer} = await signerOf(bytes(keys.seed));
    const agree = await X25519KeyAgreementKey2020.from({
      id: keys.id, controller: did, type: 'X25519KeyAgreementKey2020',
      publicKeyMultibase: keys.id.slice(keys.id.indexOf('#') + 1),
      privateKeyMultibase: keys.privateKeyMultibase
    });
    const client = new EdvClient({
      id: grant.vault, keyResolver, keyAgreementKey: agree, invocationSigner: signer,
      capability: grant.capability
    });
    const doc = await client.get({id: documentId});
    assert.equal(doc.content.sku, 'B-1');
    // what is sealed in the grant opens with their key
    const {Cipher} = await import('@digitalbazaar/minimal-cipher');
    const secrets = await new Cipher().decryptObject({
      jwe: grant.sealed, keyAgreementKey: agree
    });
    client.hmac = blinder({id: secrets.hmac.id, key: bytes(secrets.hmac.key)});
    client.ensureIndex({attribute: 'content.sku', unique: true});
    const {documents} = await client.find({equals: {'content.sku': 'B-1'}});
    assert.equal(documents.length, 1);
  }
};

const [step, ...files] = process.argv.slice(2);
await steps[step](...files);
