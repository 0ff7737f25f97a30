/** Run with `TANDEM_KILL_ROUNDS=20` for the long form. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineProcess, startEngineProcess } from '../../kit/engine-process.ts';
import { apiOf } from '../nodes/cluster.ts';
import { ask, SYSTEM_TOKEN } from './rest.ts';

const ROUNDS = Number(process.env['TANDEM_KILL_ROUNDS'] ?? 4);
const WRITERS = ['north', 'east', 'south', 'west'];
/** How long writes go on before the kill, in turn: most kills fall into a write. */
const WRITE_MS = [150, 400, 250, 600, 333];

/** What a tenant's extensions must be: what was acknowledged, and the one change whose answer the kill may have cut off. */
class Writer {
  readonly acknowledged = new Map<string, string>();
  inFlight: { readonly number: string; readonly name: string | undefined } | undefined;
  readonly #tenant: string;
  #next = 1000;

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Creates, changes and deletes extensions, one after the other, until the engine is gone. */
  async write(base: string): Promise<void> {
    const path = `/api/v1/tenants/${this.#tenant}/extensions`;
    for (;;) {
      const step = this.#next++;
      const known = [...this.acknowledged.keys()];
      const [oldest = '', newest = ''] = [known[0], known.at(-1)];
      const name = `written ${step}`;
      const change =
        step % 5 === 3
          ? { method: 'PATCH', url: `${path}/${newest}`, body: { name }, number: newest, name }
          : step % 5 === 4
            ? { method: 'DELETE', url: `${path}/${oldest}`, body: undefined, number: oldest, name: undefined }
            : {
                method: 'POST',
                url: path,
                body: { number: `${step}`, name, password: 'a good one' },
                number: `${step}`,
                name,
              };
      this.inFlight = change;
      const answer = await ask(base, change.method, change.url, change.body).catch(() => undefined);
      if (answer === undefined) return;
      if (answer.status >= 300)
        throw new Error(`${change.method} ${change.url}: ${answer.status} ${JSON.stringify(answer.body)}`);
      if (change.name === undefined) this.acknowledged.delete(change.number);
      else this.acknowledged.set(change.number, change.name);
      this.inFlight = undefined;
    }
  }

  /** Compares with what the engine has now; what was cut off may or may not have happened, and counts from here on. */
  async check(base: string): Promise<void> {
    const { body } = await ask(base, 'GET', `/api/v1/tenants/${this.#tenant}/extensions?limit=1000`);
    const found = new Map((body.items as { number: string; name: string }[]).map(({ number, name }) => [number, name]));
    expect(body.total).toBe(found.size);
    const expected = new Map(this.acknowledged);
    if (this.inFlight !== undefined) {
      const { number, name } = this.inFlight;
      if (found.get(number) === name) {
        if (name === undefined) expected.delete(number);
        else expected.set(number, name);
      }
    }
    this.inFlight = undefined;
    expect([...found].toSorted()).toEqual([...expected].toSorted());
    this.acknowledged.clear();
    for (const [number, name] of expected) this.acknowledged.set(number, name);
  }
}

describe('kill -9 of the engine while the HTTP interface writes to the embedded store', () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await startEngineProcess({
      provisioning: { tenants: WRITERS.map((name) => ({ name, domain: `${name}.test` })), trunks: [] },
      // The files would put the tenants back to what they were at each start: they are applied once, by hand.
      settings: { provisioning: [] },
      environment: { TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN },
    });
    for (const name of WRITERS) {
      const { status } = await ask(apiOf(engine), 'POST', '/api/v1/tenants', { name, domain: `${name}.test` });
      expect(status).toBe(201);
    }
  }, 60_000);
  afterAll(() => engine?.stop());

  test(
    `${ROUNDS} rounds: no acknowledged write is lost, none is half done`,
    async () => {
      const writers = WRITERS.map((name) => new Writer(name));
      let acknowledged = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const base = apiOf(engine);
        const before = writers.map(({ acknowledged: { size } }) => size);
        const writing = Promise.all(writers.map((writer) => writer.write(base)));
        await new Promise((resolve) => setTimeout(resolve, WRITE_MS[round % WRITE_MS.length]));
        await Promise.all([engine.killAndRestart(), writing]);
        for (const [index, writer] of writers.entries()) {
          acknowledged += Math.abs(writer.acknowledged.size - (before[index] ?? 0));
          await writer.check(apiOf(engine));
        }
      }
      expect(acknowledged).toBeGreaterThan(ROUNDS);
      console.log(
        `${ROUNDS} kills; ${writers.reduce((sum, { acknowledged: { size } }) => sum + size, 0)} extensions left`,
      );
    },
    Math.max(50_000, ROUNDS * 10_000),
  );
});
