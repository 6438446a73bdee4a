// Documents: one state after another, whatever comes in their way.
import {Person, isRefusal, newId, refused, sealed} from '../lib/world.mjs';
import {before, test} from 'node:test';
import assert from 'node:assert/strict';

let alice, bob, vault, client;
const docUrl = id => `${vault}/documents/${id}`;
before(async () => {
  [alice, bob] = await Promise.all([Person.make(), Person.make()]);
  ({id: vault} = await alice.openVault());
  client = alice.client(vault);
});

test('what was put in comes out, and the provider saw none of it', async () => {
  const content = {n: 0.1, text: 'žluťoučký kůň', secret: 'marker-5f1d', list: [1, [2, {}]]};
  const {id} = await client.insert({doc: {content, meta: {tag: 'm'}}});
  const got = await client.get({id});
  assert.deepEqual([got.content, got.meta, got.sequence], [content, {tag: 'm'}, 0]);
  const raw = await alice.send({method: 'GET', url: docUrl(id)});
  assert.equal(raw.status, 200);
  assert.ok(!raw.text.includes('marker-5f1d'));
  assert.equal(raw.headers['cache-control'], 'private, no-cache');
});

test('sequences go up by one, and a document is what its last state says', async () => {
  let doc = await client.insert({doc: {content: {v: 0}}});
  const first = doc;
  for(let v = 1; v < 5; v++) {
    doc = await client.update({doc: {...doc, content: {v}}});
    assert.equal(doc.sequence, v);
  }
  for(const sequence of [0, 2, 3, 5, 6, 1000]) {
    const stale = client.update({doc: {...first, sequence, content: {v: 'no'}}});
    await refused(stale, 409, 'InvalidStateError');
  }
  assert.deepEqual((await client.get({id: doc.id})).content, {v: 4});
});

test('of many at once one wins, each round', async () => {
  let doc = await client.insert({doc: {content: {}}});
  for(let round = 0; round < 5; round++) {
    const tries = Array.from({length: 12}, (_, i) =>
      client.update({doc: {...doc, content: {round, i}}}));
    const done = (await Promise.allSettled(tries)).filter(it => it.status === 'fulfilled');
    assert.equal(done.length, 1);
    doc = await client.get({id: doc.id});
    assert.deepEqual(doc.content, done[0].value.content);
  }
  const id = await newId();
  const inserts = await Promise.allSettled(Array.from({length: 12}, (_, i) =>
    client.insert({doc: {id, content: {i}}})));
  assert.equal(inserts.filter(it => it.status === 'fulfilled').length, 1);
});

test('an update makes a document where there is none', async () => {
  const id = await newId();
  await client.update({doc: {id, content: {made: true}}});
  assert.deepEqual((await client.get({id})).content, {made: true});
  const later = await sealed(alice);
  const answer = await alice.send({url: docUrl(later.id), body: {...later, sequence: 7}});
  assert.equal(answer.status, 204);
  assert.equal((await client.get({id: later.id})).sequence, 7);
});

test('a tombstone is a state like any other', async () => {
  const doc = await client.insert({doc: {content: {gone: 'soon'}}});
  assert.equal(await client.delete({doc}), true);
  const got = await client.get({id: doc.id});
  assert.deepEqual([got.content, got.meta.deleted, got.sequence], [{}, true, 1]);
});

test('several people read one document', async () => {
  const recipients = [alice, bob].map(({agree}) => ({
    header: {kid: agree.id, alg: 'ECDH-ES+A256KW'}
  }));
  const {id} = await client.insert({doc: {content: {ours: 1}}, recipients});
  const zcap = await alice.delegate({to: bob, target: docUrl(id)});
  assert.deepEqual((await bob.client({capability: zcap}).get({id})).content, {ours: 1});
});

test('what is not in its form is refused, in the last place too', async () => {
  const good = await sealed(alice);
  const jwe = more => ({...good, jwe: {...good.jwe, ...more}});
  const recipient = good.jwe.recipients[0];
  const entry = {hmac: {id: 'urn:h', type: 'S'}, sequence: 0, attributes: []};
  const bad = {
    'no jwe': {...good, jwe: undefined},
    'no sequence': {...good, sequence: undefined},
    'no id': {...good, id: undefined},
    'half a number': {...good, sequence: 0.5},
    'below zero': {...good, sequence: -1},
    'too great': {...good, sequence: 2 ** 53 - 1},
    'plaintext': {...good, content: {a: 1}},
    'no iv': jwe({iv: undefined}),
    'no base64url': jwe({ciphertext: 'a b'}),
    'more in the jwe': jwe({aad: 'x'}),
    'nobody to read it': jwe({recipients: []}),
    'a recipient without a key': jwe({recipients: [recipient, {header: recipient.header}]}),
    'a recipient without kid': jwe({
      recipients: [recipient, {...recipient, header: {alg: 'ECDH-ES+A256KW'}}]
    }),
    'one key twice': {...good, indexed: [entry, entry]},
    'an attribute without value': {...good, indexed: [{...entry, attributes: [{name: 'n'}]}]},
    'an attribute with more': {
      ...good, indexed: [{...entry, attributes: [{name: 'n', value: 'v', plain: 'x'}]}]
    },
    'a stream of half': {...good, stream: {sequence: 0}},
    'a stream with more': {...good, stream: {sequence: 0, chunks: 1, size: 9}}
  };
  for(const [what, body] of Object.entries(bad)) {
    const answer = await alice.send({url: `${vault}/documents`, body});
    assert.equal(answer.status, 400, what);
    isRefusal(answer, 400);
  }
  for(const id of ['x', 'z', 'zNotAnId0OIl', good.id.slice(0, -1), `z1${good.id.slice(1)}`]) {
    const answer = await alice.send({url: `${vault}/documents`, body: {...good, id}});
    isRefusal(answer, 400, 'SyntaxError');
    isRefusal(await alice.send({method: 'GET', url: docUrl(id)}), 400, 'SyntaxError');
  }
  const elsewhere = await alice.send({url: docUrl(await newId()), body: good});
  isRefusal(elsewhere, 400, 'URLMismatchError');
  const kept = await alice.send({url: `${vault}/documents`, body: good});
  assert.deepEqual([kept.status, kept.headers.location], [201, docUrl(good.id)]);
});

test('ten MiB fit and a byte more does not', async () => {
  const most = 10 * 1024 * 1024;
  const doc = await sealed(alice);
  const fill = len => {
    const body = structuredClone(doc);
    body.jwe.ciphertext = '';
    const rest = len - JSON.stringify(body).length;
    body.jwe.ciphertext = 'A'.repeat(rest);
    return body;
  };
  isRefusal(
    await alice.send({url: `${vault}/documents`, body: fill(most + 1)}), 413, 'QuotaExceededError');
  const answer = await alice.send({url: `${vault}/documents`, body: fill(most)});
  assert.equal(answer.status, 201);
  const back = await alice.send({method: 'GET', url: docUrl(doc.id)});
  assert.equal(back.text, JSON.stringify(fill(most)));
});

test('what a client has is not sent again', async () => {
  const doc = await client.insert({doc: {content: {v: 0}}});
  const get = etag => alice.send({
    method: 'GET', url: docUrl(doc.id), headers: etag ? {'if-none-match': etag} : {}
  });
  const {headers: {etag}} = await get();
  for(const tags of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const same = await get(tags);
    assert.deepEqual([same.status, same.text, same.headers.etag], [304, '', etag], tags);
  }
  await client.update({doc: {...doc, content: {v: 1}}});
  const newer = await get(etag);
  assert.equal(newer.status, 200);
  assert.notEqual(newer.headers.etag, etag);
});

test('a document is deleted, and its id is free', async () => {
  const doc = await client.insert({doc: {content: {here: 1}}});
  const remove = () => alice.send({method: 'DELETE', url: docUrl(doc.id)});
  assert.equal((await remove()).status, 204);
  await refused(client.get({id: doc.id}), 404, 'NotFoundError');
  assert.ok([404, 409].includes((await remove()).status));
  await client.insert({doc: {id: doc.id, content: {again: 1}}});
  assert.deepEqual((await client.get({id: doc.id})).content, {again: 1});
});

test('a vault is exported whole, page by page', async () => {
  const {id} = await alice.openVault();
  const own = alice.client(id);
  const made = [];
  for(let i = 0; i < 11; i++) {
    made.push((await own.insert({doc: {content: {i}}})).id);
  }
  const got = [];
  for(let cursor = ''; ;) {
    const page = await alice.send({
      method: 'GET', url: `${id}/documents?limit=4${cursor && `&cursor=${cursor}`}`
    });
    assert.equal(page.status, 200);
    got.push(...page.json.documents);
    if(!page.json.hasMore) {
      assert.equal(page.json.cursor, undefined);
      break;
    }
    cursor = page.json.cursor;
  }
  assert.deepEqual(got.map(doc => doc.id).sort(), made.sort());
  assert.ok(got.every(({jwe}) => jwe.ciphertext));
  isRefusal(await alice.send({method: 'GET', url: `${id}/documents?limit=0`}), 400);
  isRefusal(await alice.send({method: 'GET', url: `${id}/documents?since=1`}), 400);
});

test('the history tells every change, in order, from any cursor', async () => {
  const {id} = await alice.openVault();
  const own = alice.client(id);
  const since = async cursor => (await alice.send({
    method: 'GET', url: `${id}/history?cursor=${cursor}`
  })).json;
  assert.deepEqual(await since('0'), {changes: [], cursor: '0', hasMore: false});
  const [a, b] = [await own.insert({doc: {content: {}}}), await own.insert({doc: {content: {}}})];
  const both = await since('0');
  assert.deepEqual(both.changes, [{id: a.id, sequence: 0}, {id: b.id, sequence: 0}]);
  await own.update({doc: {...a, content: {v: 1}}});
  await alice.send({method: 'DELETE', url: `${id}/documents/${b.id}`});
  const news = await since(both.cursor);
  assert.deepEqual(news.changes, [{id: a.id, sequence: 1}, {id: b.id, deleted: true}]);
  assert.ok(Number(news.cursor) > Number(both.cursor));
  assert.deepEqual((await since('0')).changes, news.changes, 'of each document the newest');
  assert.deepEqual((await since(news.cursor)).changes, []);
});

test('vaults do not know of each other', async () => {
  const {id: other} = await alice.openVault();
  const doc = await client.insert({doc: {content: {here: 1}}});
  await refused(alice.client(other).get({id: doc.id}), 404, 'NotFoundError');
  await alice.client(other).insert({doc: {id: doc.id, content: {there: 1}}});
  assert.deepEqual((await client.get({id: doc.id})).content, {here: 1});
});
