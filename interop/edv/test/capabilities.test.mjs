// Capabilities: what was delegated is allowed, and nothing beside it.
import {
  Person, delegateFreely, exchange, isRefusal, newId, refused, rootOf, sealed
} from '../lib/world.mjs';
import {before, test} from 'node:test';
import assert from 'node:assert/strict';

const HOUR = 3_600_000;
const in_ = ms => new Date(Date.now() + ms);
let alice, bob, carol, dave, erin, vault, doc;
before(async () => {
  [alice, bob, carol, dave, erin] = await Promise.all(
    Array.from({length: 5}, () => Person.make()));
  ({id: vault} = await alice.openVault());
  doc = await alice.client(vault).insert({doc: {content: {a: 1}}});
});
const docUrl = id => `${vault}/documents/${id}`;
const read = (who, capability, url = docUrl(doc.id)) => who.send({method: 'GET', url, capability});
const write = async (who, capability, body) => {
  body ??= await sealed(who);
  return who.send({url: docUrl(body.id), body, capability});
};

test('who was let in to read reads, and writes nothing', async () => {
  const zcap = await alice.delegate({to: bob, target: `${vault}/documents`});
  assert.equal((await read(bob, zcap)).status, 200);
  isRefusal(await write(bob, zcap), 403, 'NotAllowedError');
  isRefusal(await read(bob, zcap, vault), 403, 'NotAllowedError');
  isRefusal(await read(carol, zcap), 403, 'NotAllowedError');
});

test('a capability for one document is for no other', async () => {
  const zcap = await alice.delegate({
    to: bob, target: docUrl(doc.id), actions: ['read', 'write']
  });
  assert.equal((await read(bob, zcap)).status, 200);
  const other = await alice.client(vault).insert({doc: {content: {}}});
  isRefusal(await read(bob, zcap, docUrl(other.id)), 403, 'NotAllowedError');
  isRefusal(await read(bob, zcap, `${vault}/documents`), 403, 'NotAllowedError');
  const client = bob.client({capability: zcap});
  const got = await alice.client(vault).get({id: doc.id});
  doc = await client.update({
    doc: {...got, content: {a: 2}},
    recipients: [{header: {kid: alice.agree.id, alg: 'ECDH-ES+A256KW'}}]
  });
  assert.deepEqual((await alice.client(vault).get({id: doc.id})).content, {a: 2});
});

test('who may query may query, also where the answer is in the URL', async () => {
  const zcap = await alice.delegate({to: bob, target: `${vault}/documents/query`});
  const body = {index: 'urn:h', has: ['x']};
  const ask = more => bob.send({
    url: `${vault}/documents/query${more}`, body, capability: zcap, action: 'read'
  });
  assert.deepEqual((await ask('')).json, {documents: [], hasMore: false});
  assert.deepEqual(
    (await ask('?returnDocuments=false')).json, {documentIds: [], hasMore: false});
  isRefusal(await bob.send({url: `${vault}/query`, body, capability: zcap, action: 'read'}), 403);
});

test('rights go from hand to hand, and only shrink', async () => {
  const toBob = await alice.delegate({
    to: bob, target: `${vault}/documents`, actions: ['read', 'write']
  });
  const toCarol = await bob.delegate({to: carol, target: docUrl(doc.id), from: toBob});
  const toDave = await carol.delegate({to: dave, target: docUrl(doc.id), from: toCarol});
  const toErin = await dave.delegate({to: erin, target: docUrl(doc.id), from: toDave});
  assert.equal((await read(bob, toBob)).status, 200);
  assert.equal((await read(carol, toCarol)).status, 200);
  assert.equal((await read(dave, toDave)).status, 200);
  assert.equal((await read(erin, toErin)).status, 200, 'a chain of four');
  isRefusal(await read(bob, toErin), 403);
  isRefusal(await read(erin, toBob), 403);
  // what no client would make
  const bent = change => delegateFreely({
    signer: bob.signer, parent: toBob, controller: carol.did, invocationTarget: docUrl(doc.id),
    ...change
  });
  assert.equal((await read(carol, await bent({}))).status, 200, 'the positive control');
  isRefusal(await read(carol, await bent({invocationTarget: vault}), vault), 403);
  isRefusal(await read(carol, await bent({expires: in_(48 * HOUR).toISOString()})), 403);
  isRefusal(await read(carol, await bent({allowedAction: ['read', 'delete']})), 403);
  isRefusal(await read(carol, await bent({allowedAction: undefined})), 403);
});

test('what has expired, and what holds too long, is refused', async () => {
  const over = await alice.delegate({to: bob, target: docUrl(doc.id), expires: in_(-HOUR)})
    .catch(() => null);
  if(over) {
    isRefusal(await read(bob, over), 403, 'NotAllowedError');
  }
  const short = await alice.delegate({to: bob, target: docUrl(doc.id), expires: in_(60_000)});
  assert.equal((await read(bob, short)).status, 200);
  // signed long ago, or in a time that has not come
  for(const off of [-2 * HOUR, 2 * HOUR]) {
    const created = Math.floor((Date.now() + off) / 1000);
    const late = await bob.send({
      method: 'GET', url: docUrl(doc.id), capability: short, as: {created}
    });
    isRefusal(late, 403, 'NotAllowedError');
  }
});

test('an altered capability is none', async () => {
  const good = await alice.delegate({to: bob, target: docUrl(doc.id), actions: ['read']});
  assert.equal((await read(bob, good)).status, 200, 'the positive control');
  const other = await alice.client(vault).insert({doc: {content: {}}});
  const changes = {
    target: it => it.invocationTarget = docUrl(other.id),
    wider: it => it.invocationTarget = vault,
    actions: it => it.allowedAction = ['read', 'write'],
    'all actions': it => delete it.allowedAction,
    later: it => it.expires = '2099-01-01T00:00:00Z',
    'a week later': it => it.expires = in_(7 * 24 * HOUR).toISOString().slice(0, -5) + 'Z',
    holder: it => it.controller = carol.did,
    id: it => it.id = `urn:uuid:${crypto.randomUUID()}`,
    proof: it => it.proof.proofValue = `z${'1'.repeat(64)}`,
    'no proof': it => delete it.proof,
    signer: it => it.proof.verificationMethod = bob.signer.id,
    purpose: it => it.proof.proofPurpose = 'assertionMethod',
    chain: it => it.proof.capabilityChain = [rootOf(`${vault}/documents`)],
    'empty chain': it => it.proof.capabilityChain = [],
    member: it => it.note = 'x',
    context: it => it['@context'].push('https://www.w3.org/ns/credentials/v2')
  };
  for(const [what, change] of Object.entries(changes)) {
    const zcap = structuredClone(good);
    change(zcap);
    const by = what === 'holder' ? carol : bob;
    const url = what === 'target' ? docUrl(other.id) : what === 'wider' ? vault : docUrl(doc.id);
    const answer = await read(by, zcap, url);
    assert.equal(answer.status, 403, what);
    isRefusal(answer, 403, 'NotAllowedError');
  }
});

test('a request that was changed on its way is refused', async () => {
  const capability = rootOf(vault);
  const body = await sealed(alice);
  const bend = async change => alice.send({
    url: `${vault}/documents`, body, capability, bend: change
  });
  const changes = {
    body: it => it.body = it.body.replace('"sequence":0', '"sequence":1'),
    'no body': it => delete it.body,
    path: it => it.url = docUrl(body.id),
    query: it => it.url += '?a=b',
    method: it => it.method = 'GET',
    // One digest in four ends with an A.
    digest: it => it.headers.digest = it.headers.digest.replace(/.$/, c => c === 'A' ? 'Q' : 'A'),
    'no digest': it => delete it.headers.digest,
    'no signature': it => delete it.headers.authorization,
    'no capability': it => delete it.headers['capability-invocation'],
    action: it => it.headers['capability-invocation'] =
      it.headers['capability-invocation'].replace('write', 'read'),
    host: it => it.headers.host = 'edv.example',
    signature: it => it.headers.authorization =
      it.headers.authorization.replace(/signature="..../, 'signature="AAAA'),
    key: it => it.headers.authorization =
      it.headers.authorization.replaceAll(alice.signer.id, bob.signer.id),
    'DID method': it => it.headers.authorization =
      it.headers.authorization.replace('did:key:', 'did:example:'),
    covered: it => it.headers.authorization =
      it.headers.authorization.replace(' digest"', '"')
  };
  for(const [what, change] of Object.entries(changes)) {
    const answer = await bend(change);
    assert.equal(answer.status, 403, `${what}: ${answer.text}`);
    isRefusal(answer, 403, 'NotAllowedError');
  }
  assert.equal((await bend(() => {})).status, 201, 'the positive control');
});

test('a capability of one vault opens no other', async () => {
  const {id: second} = await alice.openVault();
  const {id: his} = await bob.openVault();
  const zcap = await alice.delegate({to: bob, target: `${vault}/documents`});
  const there = await alice.client(second).insert({doc: {id: doc.id, content: {}}});
  isRefusal(await read(bob, zcap, `${second}/documents/${there.id}`), 403, 'NotAllowedError');
  isRefusal(await read(bob, rootOf(his)), 403, 'NotAllowedError');
  isRefusal(await read(bob, rootOf(vault)), 403, 'NotAllowedError');
  isRefusal(await read(alice, rootOf(second)), 403, 'NotAllowedError');
  // a root of one's own choosing
  isRefusal(await read(bob, rootOf(docUrl(doc.id))), 403, 'NotAllowedError');
});

test('a revoked capability is refused from the next request on', async () => {
  const make = async () => {
    const toBob = await alice.delegate({to: bob, target: `${vault}/documents`});
    const toCarol = await bob.delegate({to: carol, target: docUrl(doc.id), from: toBob});
    assert.equal((await read(bob, toBob)).status, 200);
    assert.equal((await read(carol, toCarol)).status, 200);
    return {toBob, toCarol};
  };
  const revoke = (who, capabilityToRevoke, more) => who.client(vault).revokeCapability({
    capabilityToRevoke, invocationSigner: who.signer, ...more
  });
  // by its delegator: what comes of it dies with it
  let it = await make();
  await revoke(alice, it.toBob);
  isRefusal(await read(bob, it.toBob), 403, 'NotAllowedError');
  isRefusal(await read(carol, it.toCarol), 403, 'NotAllowedError');
  await refused(revoke(alice, it.toBob), 409, 'DuplicateError');
  // by who got it
  it = await make();
  await revoke(carol, it.toCarol);
  isRefusal(await read(carol, it.toCarol), 403, 'NotAllowedError');
  assert.equal((await read(bob, it.toBob)).status, 200, 'the one above holds');
  // by whoever is above, under the vault's own root too
  it = await make();
  await revoke(alice, it.toCarol, {capability: rootOf(vault)}).catch(() => null);
  await revoke(alice, it.toCarol).catch(() => null);
  isRefusal(await read(carol, it.toCarol), 403, 'NotAllowedError');
  // not by who is below, nor by a stranger
  it = await make();
  await refused(revoke(carol, it.toBob), 403);
  await refused(revoke(dave, it.toCarol), 403);
  assert.equal((await read(carol, it.toCarol)).status, 200);
  // not under another name, not a root, not of another vault
  const url = id => `${vault}/zcaps/revocations/${encodeURIComponent(id)}`;
  const send = (id, body) => alice.send({url: url(id), body, capability: rootOf(url(id))});
  isRefusal(await send('urn:uuid:other', it.toBob), 400, 'URLMismatchError');
  const root = {
    '@context': 'https://w3id.org/zcap/v1', id: rootOf(vault), controller: alice.did,
    invocationTarget: vault
  };
  isRefusal(await send(root.id, root), 400, 'DataError');
  const {id: second} = await alice.openVault();
  const foreign = await alice.delegate({to: bob, target: `${second}/documents`});
  isRefusal(await send(foreign.id, foreign), 400, 'DataError');
});

test('bombs and nonsense in headers are refused quickly', async () => {
  const {gzipSync} = await import('node:zlib');
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')).toString('base64url');
  const packed = json => gzipSync(Buffer.from(json)).toString('base64url');
  const deep = '['.repeat(10_000) + ']'.repeat(10_000);
  for(const value of [
    'zcap', 'zcap id="urn:zcap:root:x"', `zcap capability="${bomb.slice(0, 30_000)}",action="read"`,
    `zcap capability="${packed(deep)}",action="read"`, `zcap capability="AAAA",action="read"`,
    `zcap id="${rootOf(vault)}",capability="AAAA",action="read"`
  ]) {
    const answer = await exchange({
      method: 'GET', url: docUrl(doc.id), headers: {
        'capability-invocation': value, authorization:
          `Signature keyId="${alice.signer.id}",headers="(key-id) (created) (expires) ` +
          '(request-target) host capability-invocation",signature="AAAA",created="1",expires="2"'
      }
    });
    isRefusal(answer, 403, 'NotAllowedError');
  }
  assert.equal((await read(alice, rootOf(vault))).status, 200);
  isRefusal(await read(alice, rootOf(vault), docUrl(await newId())), 404, 'NotFoundError');
});
