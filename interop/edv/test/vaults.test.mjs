// Vaults: opened, found, changed, closed to strangers, deleted.
import {
  Person, exchange, isRefusal, newId, refused, rootOf, sealed, vaultsUrl
} from '../lib/world.mjs';
import {before, test} from 'node:test';
import assert from 'node:assert/strict';
import {EdvClient} from '@digitalbazaar/edv-client';
import {randomUUID} from 'node:crypto';

let alice, mallory;
before(async () => {
  [alice, mallory] = await Promise.all([Person.make(), Person.make()]);
});

test('a vault is opened under an id of the provider', async () => {
  const config = await alice.openVault({id: `${vaultsUrl}/z19uMCiPNET4YbcPpBcab5mEE`});
  assert.match(config.id, new RegExp(`^${vaultsUrl}/z1[1-9A-HJ-NP-Za-km-z]{20,24}$`));
  assert.notEqual(config.id, `${vaultsUrl}/z19uMCiPNET4YbcPpBcab5mEE`, 'a wish is dropped');
  assert.deepEqual(await alice.client(config.id).getConfig(), config);
  const again = await alice.send({url: vaultsUrl, body: alice.config()});
  assert.deepEqual([again.status, again.headers.location], [201, again.json.id]);
});

test('two vaults asked for in one second are two', async () => {
  const vaults = await Promise.all([1, 2, 3].map(() => alice.openVault()));
  assert.equal(new Set(vaults.map(({id}) => id)).size, 3);
});

test('nobody opens a vault for somebody else', async () => {
  isRefusal(await mallory.send({url: vaultsUrl, body: alice.config()}), 403, 'NotAllowedError');
});

test('a configuration that is not in its form is refused', async () => {
  const good = alice.config();
  const bad = {
    'no controller': {...good, controller: undefined},
    'no key': {...good, keyAgreementKey: undefined},
    'a key with more': {...good, hmac: {...good.hmac, secret: 'x'}},
    'sequence 1': {...good, sequence: 1},
    'sequence as text': {...good, sequence: '0'},
    'unknown member': {...good, note: 'hello'},
    'an empty list of networks': {...good, ipAllowList: []},
    'no network': {...good, ipAllowList: ['here']}
  };
  for(const [what, body] of Object.entries(bad)) {
    const answer = await alice.send({url: vaultsUrl, body});
    assert.ok([400, 403].includes(answer.status), `${what}: ${answer.status}`);
    assert.ok(what === 'no controller' || answer.status === 400, what);
  }
  const kept = await alice.openVault({meterId: 'urn:uuid:a-meter'});
  assert.equal(kept.meterId, 'urn:uuid:a-meter');
});

test('a vault is found by its reference, by its controller alone', async () => {
  const referenceId = randomUUID();
  const made = await alice.openVault({referenceId});
  const find = (by, who) => EdvClient.findConfig({
    url: vaultsUrl, controller: who.did, referenceId, invocationSigner: by.signer
  });
  assert.deepEqual(await find(alice, alice), made);
  assert.equal(await find(mallory, mallory), null);
  await refused(find(mallory, alice), 403);
  await refused(alice.openVault({referenceId}), 409, 'DuplicateError');
  const hers = await mallory.openVault({referenceId});
  assert.deepEqual(await find(mallory, mallory), hers);
});

test('all vaults of a controller are listed page by page', async () => {
  const carol = await Person.make();
  const made = [];
  for(let i = 0; i < 5; i++) {
    made.push((await carol.openVault()).id);
  }
  const list = more => EdvClient.findConfigs({
    url: vaultsUrl, controller: carol.did, invocationSigner: carol.signer, ...more
  });
  assert.deepEqual((await list()).map(({id}) => id).sort(), made.sort());
  const seen = [];
  for(let after; ;) {
    const page = await list({after, limit: 2});
    if(page.length === 0) {
      break;
    }
    seen.push(...page.map(({id}) => id));
    after = page.at(-1).id;
  }
  assert.deepEqual(seen.sort(), made);
});

test('a configuration is changed one step at a time', async () => {
  const config = await alice.openVault({referenceId: randomUUID()});
  const client = alice.client(config.id);
  const next = {...config, sequence: 1, hmac: {id: 'urn:uuid:other', type: 'Sha256HmacKey2019'}};
  const answer = await alice.send({url: config.id, body: next});
  assert.deepEqual([answer.status, answer.json.config], [200, next]);
  await refused(client.updateConfig({config: next}), 409, 'InvalidStateError');
  await refused(client.updateConfig({config: {...next, sequence: 3}}), 409, 'InvalidStateError');
  const bent = async body => (await alice.send({url: config.id, body})).status;
  assert.equal(await bent({...next, sequence: 2, id: `${vaultsUrl}/${await newId()}`}), 400);
  assert.equal(await bent({...next, sequence: 2, referenceId: 'another'}), 400);
  assert.equal(await bent({...next, sequence: 2, id: undefined}), 400);
  assert.deepEqual(await client.getConfig(), next);
  await refused(mallory.client(config.id).updateConfig({config: {...next, sequence: 2}}), 403);
});

test('a vault can be handed over', async () => {
  const config = await alice.openVault();
  const handed = {...config, sequence: 1, controller: mallory.did};
  await alice.client(config.id).updateConfig({config: handed});
  await refused(alice.client(config.id).getConfig(), 403);
  assert.deepEqual(await mallory.client(config.id).getConfig(), handed);
});

test('a vault that takes requests from elsewhere only takes none from here', async () => {
  const open = await alice.openVault({ipAllowList: ['127.0.0.0/8', '::1/128']});
  await alice.client(open.id).getConfig();
  const shut = await alice.openVault({ipAllowList: ['192.0.2.0/24']});
  await refused(alice.client(shut.id).getConfig(), 403);
  const spoofed = await alice.send({
    method: 'GET', url: shut.id, headers: {'x-forwarded-for': '192.0.2.1'}
  });
  isRefusal(spoofed, 403, 'NotAllowedError');
});

test('a vault is deleted with all it held', async () => {
  const referenceId = randomUUID();
  const config = await alice.openVault({referenceId});
  const doc = await alice.client(config.id).insert({doc: {content: {a: 1}}});
  isRefusal(await mallory.send({method: 'DELETE', url: config.id}), 403, 'NotAllowedError');
  const gone = await alice.send({method: 'DELETE', url: config.id});
  assert.equal(gone.status, 204);
  await refused(alice.client(config.id).getConfig(), 404, 'NotFoundError');
  await refused(alice.client(config.id).get({id: doc.id}), 404, 'NotFoundError');
  const late = await alice.send({url: `${config.id}/documents`, body: await sealed(alice)});
  isRefusal(late, 404, 'NotFoundError');
  await alice.openVault({referenceId});
});

test('pages of any origin may ask', async () => {
  const config = await alice.openVault();
  for(const url of [vaultsUrl, config.id, `${config.id}/documents/x/chunks/0`, `${config.id}/no`]) {
    const asked = 'authorization,capability-invocation,digest,content-type,x-own';
    const {status, headers} = await exchange({
      method: 'OPTIONS', url, headers: {
        origin: 'https://app.example', 'access-control-request-method': 'POST',
        'access-control-request-headers': asked
      }
    });
    assert.equal(status, 204);
    assert.equal(headers['access-control-allow-origin'], '*');
    assert.equal(headers['access-control-allow-headers'], asked);
    assert.equal(headers['access-control-max-age'], '86400');
  }
  const refusal = await exchange({method: 'GET', url: config.id});
  assert.equal(refusal.headers['access-control-allow-origin'], '*', 'refusals can be read too');
  isRefusal(refusal, 403, 'NotAllowedError');
});

test('what is not there is not there', async () => {
  const config = await alice.openVault();
  const get = url => alice.send({method: 'GET', url, capability: rootOf(config.id)});
  isRefusal(await get(`${config.id}/streams`), 404, 'NotFoundError');
  isRefusal(await get(`${vaultsUrl}/not-an-id`), 400, 'SyntaxError');
  isRefusal(await get(`${vaultsUrl}/${await newId()}`), 404, 'NotFoundError');
  isRefusal(await exchange({method: 'PUT', url: config.id}), 405);
});
