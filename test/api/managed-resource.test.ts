import { describe, expect, test } from 'vitest';
import { signer } from '../kit/stir/signed.ts';
import { ask } from './kit.ts';
import { apiOfEach } from './served.ts';

const world = apiOfEach();
const send = (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
  ask(world, world.tokens.acme, method, `/api/v1/${path}`, body, headers);

const TRUNK = { name: 'more', type: 'register', host: 'sip.more.example.net', didPool: '442073000000' };
/** Path, key, a new one, and a field that is changed. */
const KINDS = [
  { all: 'tenants/acme/extensions', at: '103', made: { number: '103', name: 'Three' }, field: 'name' },
  { all: 'tenants/acme/groups', at: 'more', made: { name: 'more', members: ['101'] }, field: 'members' },
  {
    all: 'trunks',
    at: '300',
    made: { id: '300', ...TRUNK, credentials: { authName: 'a', password: 'b' } },
    field: 'host',
  },
  {
    all: 'certificates',
    at: 'mine',
    made: signer('mine', { x5u: 'https://a.example.com/stir/mine.pem' }),
    field: 'x5u',
  },
] as const;
const CHANGED = { name: 'Drei', members: ['102'], host: 'sip.other.example.net', x5u: 'https://b.example.com/m.pem' };

describe.each(KINDS)('$all: one of them', ({ all, at, made, field }) => {
  const path = `${all}/${at}`;
  const changed = { [field]: CHANGED[field] };

  test('is made once, at the path that Location says, and read there with the entity tag of its making', async () => {
    const answer = await send('POST', all, made);
    expect([answer.status, answer.headers['location']]).toEqual([201, `/api/v1/${path}`]);
    expect((await send('POST', all, made)).status).toBe(409);
    const read = await send('GET', path);
    expect([read.status, read.headers['etag']]).toEqual([200, answer.headers['etag']]);
  });

  test('is replaced and patched under its own key alone, and deleted for good', async () => {
    await send('POST', all, made);
    const other = { ...made, [Object.keys(made)[0] as string]: '7' };
    expect((await send('PUT', path, other)).body.errors).toMatchObject([{ code: 'name-fixed' }]);
    const replaced = await send('PUT', path, { ...made, ...changed });
    expect([replaced.status, replaced.headers['location'], replaced.body[field]]).toEqual([
      200,
      undefined,
      CHANGED[field],
    ]);
    expect((await send('PATCH', path, { [field]: made[field as never] })).body[field]).toEqual(made[field as never]);
    expect((await send('DELETE', path)).status).toBe(204);
    for (const method of ['GET', 'PATCH', 'DELETE'])
      expect((await send(method, path, method === 'PATCH' ? changed : undefined)).status, method).toBe(404);
  });

  test('RFC 9110 §13.1.1: none of it is done to another version than If-Match says', async () => {
    const tag = String((await send('POST', all, made)).headers['etag']);
    expect((await send('PATCH', path, changed, { 'if-match': tag })).status).toBe(200);
    const late = { 'if-match': tag };
    expect((await send('PUT', path, { ...made }, late)).status).toBe(412);
    expect((await send('PATCH', path, { [field]: made[field as never] }, late)).status).toBe(412);
    expect((await send('DELETE', path, undefined, late)).status).toBe(412);
    expect((await send('GET', path)).body[field]).toEqual(CHANGED[field]);
  });
});
