import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { EgressError } from '../../src/base/egress.ts';
import { silentLog } from '../../src/base/log.ts';
import { CallRecordLog } from '../../src/observe/call-record.ts';
import { type EngineEvent, EventBus } from '../../src/observe/events.ts';
import { signWebhook, type Webhook, WebhookDispatcher, type WebhookOptions } from '../../src/observe/webhooks.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';

interface Posted {
  readonly owner?: string | undefined;
  readonly atMs: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const HOOK: Webhook = {
  id: 'h1',
  url: 'https://hooks.example.net/',
  topics: ['fraud'],
  secret: 'a-secret-of-the-tests',
  enabled: true,
  allowPrivate: false,
};

/** Deliveries whose answers a test scripts; `settle` lets promises run. */
function setUp(answers: (number | Error)[], options: Partial<WebhookOptions> = {}) {
  const scheduler = new VirtualScheduler();
  const posted: Posted[] = [];
  const dispatcher = new WebhookDispatcher({
    scheduler,
    log: silentLog,
    random: () => 0.5,
    post: async (url, headers, body, _allowPrivate, owner) => {
      posted.push({ owner, atMs: scheduler.nowMs(), url, headers, body });
      const answer = answers.shift() ?? 200;
      if (answer instanceof Error) throw answer;
      return { status: answer };
    },
    ...options,
  });
  const bus = new EventBus(scheduler);
  dispatcher.attach(bus, new CallRecordLog({ log: silentLog }));
  const settle = async (advanceMs = 0) => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    for (let stepMs = 0; stepMs < advanceMs; stepMs += 500) {
      scheduler.advance(500);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  const fraud = (detail: string, tenants = ['acme']) => bus.publish('fraud', tenants, { guard: 'rate', detail });
  return { scheduler, posted, dispatcher, bus, settle, fraud };
}

const details = (posted: readonly Posted[]) => posted.map(({ body }) => JSON.parse(body).data.detail);

describe('webhooks', () => {
  test('a delivery is signed over its time and body, and names itself', async () => {
    const { scheduler, posted, dispatcher, bus, settle, fraud } = setUp([]);
    dispatcher.configure([HOOK]);
    const told: EngineEvent[] = [];
    bus.subscribe((event) => told.push(event));
    fraud('a');
    await settle();
    const [delivery] = posted;
    const [event] = told as [EngineEvent];
    const seconds = Math.floor(scheduler.wallMs() / 1000);
    const mac = createHmac('sha256', HOOK.secret).update(`${seconds}.${delivery?.body}`).digest('hex');
    expect(delivery?.headers['tandem-signature']).toBe(`t=${seconds},v1=${mac}`);
    expect(delivery?.headers['tandem-delivery']).toBe(event.id);
    expect(JSON.parse(delivery?.body ?? '')).toEqual({ id: event.id, at: event.at, type: 'fraud', data: event.data });
  });

  test('a failing receiver is tried again after 1, 2, 4 … s, and order is kept', async () => {
    const { scheduler, posted, dispatcher, settle, fraud } = setUp([500, new Error('refused'), 503, 200]);
    dispatcher.configure([HOOK]);
    fraud('a');
    fraud('b');
    await settle(10_000);
    expect(posted.map(({ atMs }) => atMs)).toEqual([0, 1000, 3000, 7000, 7000]);
    expect(details(posted)).toEqual(['a', 'a', 'a', 'a', 'b']);
    const lastAt = new Date(scheduler.wallMs() - 3000).toISOString();
    expect(dispatcher.status('h1')).toEqual({ waiting: 0, delivered: 2, lost: 0, lastAt, lastStatus: 200 });
  });

  test('a test is posted once, past what waits, also to a webhook that is not enabled, and says what came of it', async () => {
    const { posted, dispatcher, settle, fraud } = setUp([503, new Error('refused'), 204]);
    dispatcher.configure([HOOK]);
    fraud('a');
    await settle();
    const both = [dispatcher.test(HOOK), dispatcher.test(HOOK)];
    expect(await Promise.all(both)).toEqual([{ error: 'refused' }, { error: 'refused' }]);
    expect(await dispatcher.test({ ...HOOK, id: 'h2', enabled: false })).toEqual({ status: 204 });
    expect(posted.map(({ body }) => JSON.parse(body).type)).toEqual(['fraud', 'test', 'test']);
    const { headers, body } = posted[2] as Posted;
    const [, seconds] = /^t=(\d+),/.exec(headers['tandem-signature'] ?? '') ?? [];
    expect(headers['tandem-signature']).toBe(signWebhook(HOOK.secret, Number(seconds), body));
    expect(headers['tandem-delivery']).toBe(JSON.parse(body).id);
    expect(dispatcher.status('h1')).toMatchObject({ waiting: 1, delivered: 0, lost: 0, lastStatus: 503 });
  });

  test.each([
    ['a system admin, who may set it, of', undefined, ', and so can allowPrivate of the webhook'],
    ['no tenant’s admin of', 'acme', ''],
  ])('where an address is refused %s allowPrivate is told; the log names it', async (_who, tenant, more) => {
    const refused = new EgressError('egress: 10.0.0.1 is not a public address');
    const log = new RecordingLog();
    const { dispatcher, settle, fraud } = setUp([refused, refused], { log, maxAttempts: 1 });
    const hook = { ...HOOK, ...(tenant !== undefined && { tenant }) };
    dispatcher.configure([hook]);
    fraud('a');
    await settle();
    const error = `${refused.message}${more}`;
    expect(await dispatcher.test(hook)).toEqual({ error });
    expect(dispatcher.status(hook.id)).toMatchObject({ lost: 1, lastError: error });
    const told = { error: `${refused.message}, and so can allowPrivate of the webhook` };
    expect(log.lines).toMatchObject([{ event: 'webhook-delivery-lost', fields: told }]);
  });

  test('a test of a webhook that was changed while one is under way is posted as the webhook is now', async () => {
    const { posted, dispatcher } = setUp([503, 204, 401]);
    const url = 'https://right.example.net/';
    const changed = [HOOK, { ...HOOK, url }, { ...HOOK, url, secret: 'another-secret' }];
    const outcomes = await Promise.all(changed.map((hook) => dispatcher.test(hook)));
    expect(outcomes).toEqual([{ status: 503 }, { status: 204 }, { status: 401 }]);
    expect(posted.map((test) => test.url)).toEqual([HOOK.url, url, url]);
  });

  test('after the last try a delivery is lost and counted, and the next one goes on', async () => {
    const { posted, dispatcher, settle, fraud } = setUp([500, 500, 500, 200], { maxAttempts: 3 });
    dispatcher.configure([HOOK]);
    fraud('a');
    fraud('b');
    await settle(10_000);
    expect(details(posted)).toEqual(['a', 'a', 'a', 'b']);
    expect(dispatcher.status('h1')).toMatchObject({ delivered: 1, lost: 1 });
  });

  test('a dead receiver costs its own bounded queue only', async () => {
    const { posted, dispatcher, settle, fraud } = setUp([], {
      maxWaiting: 10,
      post: async (url) => {
        if (url === HOOK.url) throw new Error('gone');
        posted.push({ atMs: 0, url, headers: {}, body: '' });
        return { status: 200 };
      },
    });
    dispatcher.configure([HOOK, { ...HOOK, id: 'h2', url: 'https://other.example.net/' }]);
    for (let index = 0; index < 100; index++) {
      fraud(String(index));
      await settle();
    }
    expect(posted).toHaveLength(100);
    expect(dispatcher.status('h1')).toMatchObject({ waiting: 10, lost: 90 });
  });

  test('a webhook gets only its topics and what its tenant may see; a disabled one nothing', async () => {
    const { posted, dispatcher, bus, settle, fraud } = setUp([]);
    dispatcher.configure([
      { ...HOOK, tenant: 'acme' },
      { ...HOOK, id: 'h2', url: 'https://off.example.net/', enabled: false },
    ]);
    fraud('acme');
    fraud('bolt', ['bolt']);
    fraud('system', []);
    bus.publish('trunk-state', ['acme'], { trunkId: '1', trunk: 't', state: 'online' });
    await settle();
    expect(details(posted)).toEqual(['acme']);
    // Its host is looked up in the tenant's name.
    expect(posted.map(({ owner }) => owner)).toEqual(['acme']);
  });

  test('events are followed while there are webhooks: without any, none is made for them', () => {
    const { dispatcher, bus } = setUp([]);
    const followers = [[], [HOOK], [HOOK, { ...HOOK, id: 'h2' }], []].map((webhooks) => {
      dispatcher.configure(webhooks);
      return bus.subscriberCount;
    });
    expect(followers).toEqual([0, 1, 1, 0]);
  });

  test('a removed webhook gets nothing more, and no timer stays', async () => {
    const { scheduler, posted, dispatcher, settle, fraud } = setUp([500]);
    dispatcher.configure([HOOK]);
    fraud('a');
    await settle();
    dispatcher.configure([]);
    await settle(60_000);
    expect(posted).toHaveLength(1);
    expect(scheduler.armedCount).toBe(0);
  });

  test("a tenant's silent receivers leave others their share of what is under way; what waits for its turn is not lost", async () => {
    const answers: (() => void)[] = [];
    const asked: string[] = [];
    const { dispatcher, fraud, settle } = setUp([], {
      post: (url) => {
        asked.push(url);
        if (!url.includes('silent')) return Promise.resolve({ status: 200 });
        return new Promise((resolve) => answers.push(() => resolve({ status: 200 })));
      },
    });
    const silent = Array.from({ length: 200 }, (_, at) => ({
      ...HOOK,
      id: `s${at}`,
      tenant: 'acme',
      url: `https://silent.example.net/${at}`,
    }));
    const bolt = { ...HOOK, id: 'b', tenant: 'bolt', url: 'https://bolt.example.net/' };
    dispatcher.configure([...silent, bolt, { ...HOOK, id: 'system' }]);
    fraud('a');
    fraud('b', ['bolt']);
    await settle();
    expect(answers).toHaveLength(96);
    expect(asked).toContain(bolt.url);
    expect(dispatcher.status('system')).toMatchObject({ waiting: 0, delivered: 2 });
    // One of those that wait and one that is under way are removed: neither keeps a place.
    dispatcher.configure([...silent.slice(1, -1), bolt]);
    for (let answered = 0; answered < answers.length; answered++) {
      answers[answered]?.();
      await settle();
    }
    for (const { id } of silent.slice(1, -1)) expect(dispatcher.status(id)).toMatchObject({ waiting: 0, delivered: 1 });
    expect(asked).toHaveLength(199 + 3);
  });
});
