import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli, type Terminal } from '../../../src/cli/tandem.ts';
import type { Explanation } from '../../../src/outbound/index.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { type GuideRow, PROSE_ROWS, variableRows } from '../../outbound/guide-table.ts';
import { ownerToken } from './api-request.ts';
import { isElsewhere, place } from './guide-calls.ts';
import { fieldOf } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** What is random in an INVITE, made the same everywhere: branch, tags, Call-ID and the two session headers made from such. */
function steady(invite: string): string {
  return world
    .asPublic(invite)
    .replace(/;branch=[^;\r]+/g, ';branch=#')
    .replace(/(From: [^\r]*);tag=[^;\r]+/, '$1;tag=#')
    .replace(/^(Call-ID|X-CID|X-Session-Id): [^\r]+/gm, '$1: #');
}

const octetsOf = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString('latin1');

/** The question that asks for the call of a row. */
function questionOf({ call }: GuideRow): object {
  const displayName = /^"(.*)" </.exec(call.from ?? '')?.[1];
  return {
    tenant: 'acme',
    from: call.caller ?? '101',
    // On the wire it is octets; who asks writes the text.
    to: Buffer.from(call.dialled ?? '88888888', 'latin1').toString(),
    ...(displayName === undefined ? {} : { displayName }),
    headers: (call.headers ?? []).map((line) => {
      const colon = line.indexOf(':');
      return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() };
    }),
  };
}

/** An anonymous From cannot be asked about: the question names the caller. Octets that are no text cannot either. */
const isAskable = ({ call, name }: GuideRow) => call.from?.includes('invalid') !== true && !name.startsWith('Unicode');

/** With workers, explain shows the INVITE to the one that has the gateway (docs/workers.md), where that is another. */
const isOfGateway = ({ call }: GuideRow) => call.trunks?.[0]?.type === 'accept-register';

const rows = [
  ...variableRows().filter((_, index) => index % 4 === 0),
  ...PROSE_ROWS.filter((row) => !isElsewhere(row) && isAskable(row)),
].filter((row) => TEST_WORKERS === 1 || !isOfGateway(row));

test('there are at least 150 facts to ask about', () =>
  expect(rows.length).toBeGreaterThan(TEST_WORKERS === 1 ? 200 : 150));

describe('explain equals the live call, octet for octet', () => {
  test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const placed = await place(world, row.call, { body: '', maxForwards: 70 });
    const [live] = [...world.carrier.take(), ...world.proxy.take()];
    const asked = (await world.api('/api/v1/explain', questionOf(row))) as Explanation;
    const route = asked.routes[0];
    if (live === undefined) {
      const refusal = asked.refusal ?? route?.refusal;
      expect([refusal?.status, refusal?.reason]).toEqual([placed.status, placed.reason]);
      return;
    }
    expect(steady(octetsOf(route?.inviteBase64))).toBe(steady(live.text));
  });
});

describe('a call that was placed', () => {
  const row = PROSE_ROWS.find(({ name }) => name === 'all three directives and the trunk-id') as GuideRow;

  test('GET calls/{id}/explain: the octets that left, by the Call-ID of either leg, the body too', async () => {
    const callId = 'explained-afterwards@phone';
    await place(world, row.call, { callId });
    const [live] = world.carrier.take();
    for (const id of [callId, fieldOf(live as never, 'Call-ID')]) {
      const told = (await world.api(`/api/v1/calls/${encodeURIComponent(id)}/explain`)) as Explanation;
      expect(steady(octetsOf(told.routes[0]?.inviteBase64))).toBe(steady(live?.text ?? ''));
    }
  });

  test('it is told as it was decided, whatever was provisioned since', async () => {
    const callId = 'explained-later@phone';
    await place(world, row.call, { callId });
    const [live] = world.carrier.take();
    await world.hold([], []);
    const told = (await world.api(`/api/v1/calls/${callId}/explain`)) as Explanation;
    expect(steady(octetsOf(told.routes[0]?.inviteBase64))).toBe(steady(live?.text ?? ''));
  });

  test('tandem explain: in colour on a terminal, JSON for programs, and again by --call-id', async () => {
    const callId = 'explained-on-a-terminal@phone';
    await place(world, row.call, { callId });
    const [live] = world.carrier.take();
    const asked = await tandem(['explain', '--tenant', 'acme', '--from', '101', '--to', '88888888'], true);
    expect(asked.code, asked.err).toBe(0);
    expect(asked.out).toContain('\u001b[1mextension 101 (Alice) of acme dials 88888888\u001b[0m');
    const bare = await tandem(['explain', '--tenant', 'acme', '--from', '101', '--to', '88888888'], false);
    expect(bare.out).not.toContain('\u001b');
    expect(bare.out).toMatch(/Request-URI\.user +88888888 {2}← CalledNum \[default\]/);
    const known = await tandem(['explain', '--call-id', callId], true);
    expect(known.out).toContain(`\u001b[1m${live?.startLine}\u001b[0m`);
    const json = await tandem(['explain', '--call-id', callId, '--json'], false);
    expect(steady(octetsOf(JSON.parse(json.out).routes[0].inviteBase64))).toBe(steady(live?.text ?? ''));
    const unknown = await tandem(['explain', '--call-id', 'never-heard-of'], false);
    expect([unknown.code, unknown.out]).toEqual([1, '']);
  });
});

async function tandem(args: readonly string[], colour: boolean) {
  let [out, err] = ['', ''];
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    colour,
    env: { TANDEM_URL: world.apiAddress, TANDEM_TOKEN: ownerToken(world) },
    readInput: async () => '',
  };
  const hooks = { version: '0', start: async () => undefined, demo: async () => 0 };
  const code = await runCli(args, hooks, terminal);
  return { code, out, err };
}
