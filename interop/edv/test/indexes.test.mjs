// Blinded indexes: found is what matches, all of it, and nothing else.
import {Person, isRefusal, refused} from '../lib/world.mjs';
import {before, test} from 'node:test';
import assert from 'node:assert/strict';

let alice, vault, client;
const found = async (query, by = client) =>
  (await by.find(query)).documents.map(({content}) => content.name).sort();

before(async () => {
  alice = await Person.make();
  ({id: vault} = await alice.openVault());
  client = indexing(alice);
  const docs = [
    {name: 'ash', kind: 'tree', parts: ['leaf', 'root'], at: {land: 'CZ', town: 'Brno'}},
    {name: 'birch', kind: 'tree', parts: ['leaf'], at: {land: 'CZ', town: 'Praha'}},
    {name: 'cap', kind: 'fungus', at: {land: 'AT', town: 'Wien'}},
    {name: 'dust'}
  ];
  for(const content of docs) {
    await client.insert({doc: {content}});
  }
});

function indexing(person, id = vault) {
  const own = person.client(id);
  own.ensureIndex({attribute: 'content.kind'});
  own.ensureIndex({attribute: 'content.parts'});
  own.ensureIndex({attribute: ['content.at.land', 'content.at.town']});
  own.ensureIndex({attribute: 'content.serial', unique: true});
  own.ensureIndex({attribute: ['content.set', 'content.place'], unique: true});
  return own;
}

test('equals and has', async () => {
  assert.deepEqual(await found({equals: {'content.kind': 'tree'}}), ['ash', 'birch']);
  assert.deepEqual(await found({equals: {'content.parts': 'root'}}), ['ash']);
  assert.deepEqual(
    await found({equals: {'content.kind': 'tree', 'content.parts': 'leaf'}}), ['ash', 'birch']);
  assert.deepEqual(
    await found({equals: [{'content.kind': 'fungus'}, {'content.parts': 'leaf'}]}),
    ['ash', 'birch', 'cap']);
  assert.deepEqual(await found({equals: {'content.at.land': 'CZ'}}), ['ash', 'birch']);
  assert.deepEqual(
    await found({equals: {'content.at.land': 'CZ', 'content.at.town': 'Wien'}}), []);
  assert.deepEqual(await found({has: 'content.kind'}), ['ash', 'birch', 'cap']);
  assert.deepEqual(await found({has: ['content.kind', 'content.parts']}), ['ash', 'birch']);
  assert.equal(await client.count({has: ['content.kind']}), 3);
  assert.deepEqual(await found({equals: {'content.kind': 'stone'}}), []);
});

test('another key finds nothing of it', async () => {
  const other = alice.client({id: vault, hmac: (await Person.make()).hmac});
  other.ensureIndex({attribute: 'content.kind'});
  assert.deepEqual(await found({has: 'content.kind'}, other), []);
  assert.deepEqual(await found({equals: {'content.kind': 'tree'}}, other), []);
});

test('a single object is taken as a list of one', async () => {
  const query = await client.indexHelper.buildQuery({
    hmac: alice.hmac, equals: {'content.kind': 'tree'}
  });
  const body = {...query, equals: query.equals[0]};
  const answer = await alice.send({url: `${vault}/query`, body, action: 'read'});
  assert.equal(answer.json.documents.length, 2);
});

test('a limit says that there is more, a cursor goes on', async () => {
  const {documents, hasMore} = await client.find({has: 'content.kind', limit: 2});
  assert.deepEqual([documents.length, hasMore], [2, true]);
  const all = await client.find({has: 'content.kind', limit: 3});
  assert.deepEqual([all.documents.length, all.hasMore], [3, false]);
  const query = await client.indexHelper.buildQuery({hmac: alice.hmac, has: ['content.kind']});
  const ids = [];
  for(let cursor; ;) {
    const body = {...query, limit: 1, returnDocuments: false, ...(cursor ? {cursor} : {})};
    const {json} = await alice.send({url: `${vault}/query`, body, action: 'read'});
    ids.push(...json.documentIds);
    if(!json.hasMore) {
      break;
    }
    cursor = json.cursor;
  }
  assert.equal(new Set(ids).size, 3);
  assert.equal(ids.length, 3);
});

test('1001 matches are 1001', async () => {
  const {id} = await alice.openVault();
  const own = indexing(alice, id);
  const doc = i => ({content: {name: `${i}`, kind: 'many'}});
  for(let i = 0; i < 1001; i += 13) {
    await Promise.all(Array.from({length: 13}, (_, j) => own.insert({doc: doc(i + j)})));
  }
  const equals = {'content.kind': 'many'};
  const {documents, hasMore} = await own.find({equals});
  assert.deepEqual([documents.length, hasMore], [1001, false]);
  assert.equal(new Set(documents.map(({content}) => content.name)).size, 1001);
  const ids = await own.find({equals, returnDocuments: false});
  assert.deepEqual([ids.documentIds.length, ids.documents], [1001, undefined]);
  assert.equal(await own.count({equals}), 1001);
});

test('queries that are not in their form are refused', async () => {
  const index = alice.hmac.id;
  for(const body of [
    {index}, {has: ['a']}, {index, has: []}, {index, has: 'a'}, {index, equals: []},
    {index, equals: [{}]}, {index, equals: [{a: 1}]}, {index, equals: [{a: 'b'}, 7]},
    {index, has: ['a'], equals: [{a: 'b'}]}, {index, has: ['a'], limit: 0},
    {index, has: ['a'], limit: 1001}, {index, has: ['a'], limit: '9'},
    {index, has: ['a'], order: 'up'}, {index, has: ['a'], cursor: 'x'}
  ]) {
    const answer = await alice.send({url: `${vault}/query`, body, action: 'read'});
    assert.equal(answer.status, 400, JSON.stringify(body));
  }
});

test('an index follows its document', async () => {
  const doc = await client.insert({doc: {content: {name: 'elm', kind: 'before'}}});
  const next = await client.update({doc: {...doc, content: {name: 'elm', kind: 'after'}}});
  assert.deepEqual(await found({equals: {'content.kind': 'before'}}), []);
  assert.deepEqual(await found({equals: {'content.kind': 'after'}}), ['elm']);
  await client.delete({doc: next});
  assert.deepEqual(await found({equals: {'content.kind': 'after'}}), []);
});

test('what is unique is held by one', async () => {
  const insert = content => client.insert({doc: {content}});
  const first = await insert({name: 'u1', serial: 'S-1'});
  await refused(insert({name: 'u2', serial: 'S-1'}), 409, 'DuplicateError');
  const other = await insert({name: 'u3', serial: 'S-2'});
  const taking = client.update({doc: {...other, content: {name: 'u3', serial: 'S-1'}}});
  await refused(taking, 409, 'InvalidStateError');
  const kept = await client.update({doc: {...first, content: {name: 'u1!', serial: 'S-1'}}});
  await client.delete({doc: kept});
  const taken = await insert({name: 'u4', serial: 'S-1'});
  await alice.send({method: 'DELETE', url: `${vault}/documents/${taken.id}`});
  await insert({name: 'u5', serial: 'S-1'});
  // the pair is unique, its parts are not
  await insert({name: 'p1', set: 's', place: 1});
  await insert({name: 'p2', set: 's', place: 2});
  await refused(insert({name: 'p3', set: 's', place: 2}), 409, 'DuplicateError');
  const race = await Promise.allSettled(
    Array.from({length: 12}, (_, i) => insert({name: `r${i}`, serial: 'RACE'})));
  assert.equal(race.filter(it => it.status === 'fulfilled').length, 1);
  assert.equal(await client.count({equals: {'content.serial': 'RACE'}}), 1);
});

test('an entry under a second key is put in without touching the document', async () => {
  const doc = await client.insert({doc: {content: {name: 'fir', kind: 'evergreen'}}});
  const second = alice.client({id: vault, hmac: (await Person.make()).hmac});
  second.ensureIndex({attribute: 'content.kind'});
  await second.updateIndex({doc});
  for(const by of [client, second]) {
    assert.deepEqual(await found({equals: {'content.kind': 'evergreen'}}, by), ['fir']);
  }
  const got = await client.get({id: doc.id});
  assert.deepEqual([got.sequence, got.content.name], [doc.sequence, 'fir']);
  const moved = await client.update({doc: {...doc, content: {name: 'fir', kind: 'felled'}}});
  await refused(second.updateIndex({doc}), 409, 'InvalidStateError');
  await second.updateIndex({doc: moved});
  assert.deepEqual(await found({equals: {'content.kind': 'felled'}}, second), ['fir']);
});

test('names count within the entry of the key that is asked for', async () => {
  const two = await Person.make();
  const first = alice.client(vault);
  first.ensureIndex({attribute: 'content.left'});
  const doc = await first.insert({doc: {content: {name: 'g', left: 1, right: 2}}});
  const second = alice.client({id: vault, hmac: two.hmac});
  second.ensureIndex({attribute: 'content.right'});
  await second.updateIndex({doc});
  const {has} = await first.indexHelper.buildQuery({hmac: alice.hmac, has: 'content.left'});
  const answer = await alice.send({
    url: `${vault}/documents/query`, body: {index: two.hmac.id, has}, action: 'read'
  });
  assert.deepEqual(answer.json.documents, []);
  isRefusal(await alice.send({url: `${vault}/query`, body: {index: two.hmac.id, has}}), 403);
});
