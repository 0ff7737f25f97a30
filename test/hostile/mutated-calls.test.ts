/**
 * Whole calls, registrations and transfers in which some of the messages to the engine are broken on their way: what a stranger never
 * reaches. Set TANDEM_HOSTILE_CALLS=100000 for a long run, TANDEM_HOSTILE_SEED for another one.
 */
import { expect, test } from 'vitest';
import { parseMessage, SipRequest, validateRequest } from '../../src/sip/message/index.ts';
import { ENGINE, World } from '../engine/world.ts';
import { seededRandom } from '../kit/simulated-link.ts';
import { Mutator } from './mutator.ts';
import { RobotCarrier, RobotPhone } from './robots.ts';

const CALLS = Number(process.env['TANDEM_HOSTILE_CALLS'] ?? 300);
const SEED = Number(process.env['TANDEM_HOSTILE_SEED'] ?? 20_261_128);
const CALLS_PER_ROUND = 20;
const MUTATED_SHARE = 0.25;

/**
 * What the engine asks is read by everybody else: one message, with nothing in it that anybody would refuse. Answers, and requests within
 * a dialog, repeat the words of the peer that they go to.
 */
class SoundnessCheck {
  readonly #begun = new Set<string>();

  expect(text: string): void {
    const message = parseMessage(text);
    if (!(message instanceof SipRequest) || this.#begun.has(message.callId())) return;
    this.#begun.add(message.callId());
    const refusal = validateRequest(message);
    if (refusal !== undefined) throw new Error(`what the engine sent is refused: ${JSON.stringify(refusal)}\n${text}`);
  }
}

async function playRound(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const mutator = new Mutator([''], seed + 1);
  const world = await World.start({
    // Everything that happens is to be heard of.
    settings: { limits: { authFailuresPerMinute: 100_000 } },
  });
  const { network } = world;
  const soundness = new SoundnessCheck();
  const carry = network.carry.bind(network);
  network.carry = (transport, from, to, text) => {
    const isToEngine = to.host === ENGINE;
    if (!isToEngine) soundness.expect(text);
    carry(transport, from, to, isToEngine && random() < MUTATED_SHARE ? mutator.broken(text) : text);
  };
  const carriers = ['192.0.2.10', '192.0.2.20'].map((address) => new RobotCarrier(world, address, random));
  const phones = ['101', '102', '103'].map(
    (number, index) => new RobotPhone(world, `203.0.113.${index + 1}`, number, random),
  );
  for (const phone of phones) phone.register();
  for (let call = 0; call < CALLS_PER_ROUND; call++) {
    world.run(random() * 3_000);
    const phone = phones[call % phones.length];
    const carrier = carriers[call % carriers.length];
    if (random() < 0.7) phone?.act();
    else carrier?.call(random() < 0.5 ? '14155550100' : '14155550102');
  }
  world.scheduler.runUntilIdle(12 * 3_600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
  expect(world.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
}

test(`${CALLS} calls with broken messages in them: nothing uncaught, all that leaves is sound, and everything is given back`, async () => {
  for (let round = 0; round * CALLS_PER_ROUND < CALLS; round++) {
    const seed = SEED + round * 1_000;
    await playRound(seed).catch((error: unknown) => {
      throw new Error(`TANDEM_HOSTILE_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    });
  }
}, 3_600_000);
