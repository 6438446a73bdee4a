// Streams: content in chunks, in and out and over again.
import {Person, exchange, isRefusal, sealed} from '../lib/world.mjs';
import {before, test} from 'node:test';
import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';

const MIB = 1024 * 1024;
let alice, vault, client;
before(async () => {
  alice = await Person.make();
  ({id: vault} = await alice.openVault());
  client = alice.client(vault);
});

// `len` bytes that follow from `seed`, a MiB at a time, and their hash
function source(len, seed = randomBytes(8)) {
  const hash = createHash('sha256');
  let given = 0;
  const stream = new ReadableStream({
    pull(controller) {
      if(given >= len) {
        controller.close();
        return;
      }
      const block = createHash('sha512').update(seed).update(`${given}`).digest();
      const piece = Buffer.alloc(Math.min(MIB, len - given), block);
      given += piece.length;
      hash.update(piece);
      controller.enqueue(new Uint8Array(piece));
    }
  });
  return {stream, digest: () => hash.digest('hex')};
}

async function digestOf(stream) {
  const hash = createHash('sha256');
  let len = 0;
  for await (const piece of stream) {
    hash.update(piece);
    len += piece.length;
  }
  return {len, digest: hash.digest('hex')};
}

const chunkUrl = (id, n) => `${vault}/documents/${id}/chunks/${n}`;
const rawChunk = (id, n) => alice.send({method: 'GET', url: chunkUrl(id, n)});

test('64 MiB go in and come out', async () => {
  const {stream, digest} = source(64 * MIB);
  const doc = await client.insert({doc: {content: {big: true}}, stream});
  const got = await client.get({id: doc.id});
  assert.equal(got.stream.chunks, 64);
  const back = await digestOf(await client.getStream({doc: got}));
  assert.deepEqual(back, {len: 64 * MIB, digest: digest()});
  isRefusal(await rawChunk(doc.id, 64), 404, 'NotFoundError');
});

test('a shorter stream takes the place of a longer one, and the rest is collected', async () => {
  const doc = await client.insert({doc: {content: {}}, stream: source(3 * MIB + 5).stream});
  assert.equal((await rawChunk(doc.id, 3)).status, 200);
  const {stream, digest} = source(MIB + 7);
  const updated = await client.update({doc: {...doc, content: {}}, stream});
  const got = await client.get({id: doc.id});
  assert.equal(got.stream.chunks, 2);
  const back = await digestOf(await client.getStream({doc: got}));
  assert.deepEqual(back, {len: MIB + 7, digest: digest()});
  for(const n of [2, 3]) {
    isRefusal(await rawChunk(doc.id, n), 404, 'NotFoundError');
  }
  await client.delete({doc: updated});
  isRefusal(await rawChunk(doc.id, 0), 404, 'NotFoundError');
});

test('a chunk is about the document as it is', async () => {
  const doc = await sealed(alice);
  await alice.send({url: `${vault}/documents`, body: {...doc, stream: {}}});
  const chunk = {index: 0, offset: 9, sequence: 0, jwe: doc.jwe};
  const put = (n, more) => alice.send({url: chunkUrl(doc.id, n), body: {...chunk, ...more}});
  assert.equal((await put(0)).status, 204);
  isRefusal(await put(1), 400, 'URLMismatchError');
  isRefusal(await put(0, {sequence: 1}), 409, 'InvalidStateError');
  isRefusal(await put(0, {offset: 'much'}), 400, 'ValidationError');
  isRefusal(await put(0, {name: 'x'}), 400, 'ValidationError');
  for(const n of ['x', '-1', '01', '1e3', '9007199254740991']) {
    isRefusal(await put(n), 400, 'ValidationError');
    isRefusal(await rawChunk(doc.id, n), 400, 'ValidationError');
  }
  const other = (await sealed(alice)).id;
  isRefusal(await alice.send({url: chunkUrl(other, 0), body: chunk}), 404, 'NotFoundError');
});

test('a chunk is deleted, and a request that was carried out is not again', async () => {
  const doc = await sealed(alice);
  await alice.send({url: `${vault}/documents`, body: {...doc, stream: {}}});
  const put = more => ({
    url: chunkUrl(doc.id, 0), body: {index: 0, offset: 9, sequence: 0, jwe: doc.jwe}, ...more
  });
  let kept;
  assert.equal((await alice.send(put({bend: request => kept = request}))).status, 204);
  isRefusal(await exchange(kept), 409, 'InvalidStateError');
  const removed = await alice.send({method: 'DELETE', url: chunkUrl(doc.id, 0)});
  assert.equal(removed.status, 204);
  isRefusal(await rawChunk(doc.id, 0), 404, 'NotFoundError');
  isRefusal(await exchange(kept), 409, 'InvalidStateError');
  isRefusal(await rawChunk(doc.id, 0), 404, 'NotFoundError');
});

test('who has not read a whole stream can go on with a chunk', async () => {
  const doc = await client.insert({doc: {content: {}}, stream: source(2 * MIB).stream});
  const first = await rawChunk(doc.id, 1);
  assert.deepEqual([first.json.index, first.json.offset], [1, 2 * MIB]);
  const again = await alice.send({
    method: 'GET', url: chunkUrl(doc.id, 1), headers: {'if-none-match': first.headers.etag}
  });
  assert.equal(again.status, 304);
});
