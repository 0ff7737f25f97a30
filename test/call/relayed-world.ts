/** A world whose parties' media goes through relays of rtpengine's kind. */
import type { CallPlan, LegOptions } from '../../src/call/plan.ts';
import { Media, type MediaMode, MediaRelays } from '../../src/media/index.ts';
import { FakeRelays } from '../kit/fake-relay.ts';
import { branchTo, legOptions, type Party, sdp, stages, World } from './world.ts';

export const wish = (mode: MediaMode = 'always', more: Partial<NonNullable<LegOptions['media']>> = {}) =>
  ({ mode, behindNat: false, codecs: [], withoutRelay: 'refuse', ...more }) as const;

export class RelayedWorld extends World {
  readonly fake: FakeRelays;
  readonly relays: MediaRelays;

  constructor(ports: readonly number[] = [1], media: LegOptions['media'] = wish(), caller = media) {
    let made: Media | undefined;
    super({
      calls: {
        media: {
          concerns: (near, far) => made?.concerns(near, far) === true,
          open: (question, user) => made?.open(question, user),
          restore: (...session) => made?.restore(...session),
        },
      },
    });
    const { scheduler } = this.network;
    this.fake = new FakeRelays(scheduler);
    this.relays = new MediaRelays(scheduler, this.fake.open, { onRelayState: () => {} }, () => 0);
    this.relays.apply(ports.map((port) => ({ url: `udp://192.0.2.1:${port}`, weight: 1 })));
    made = new Media(this.relays, scheduler);
    this.engine.plan = (request) => withMedia(stages([{ branches: [branchTo(request, 'b')] }]), media, caller);
    this.engine.newcomer = { ...legOptions('c'), media: caller };
    this.engine.router = {
      referred: () => withMedia(stages([{ branches: [branchTo(undefined, 'c')] }]), caller),
      mayReplace: () => true,
    };
  }

  /** Nothing is left: no call, no timer, and no session on a relay. */
  override settles(): boolean {
    this.run(3000);
    const left = [...this.fake.sessions.values()].reduce((sum, { size }) => sum + size, 0);
    this.relays.close();
    return super.settles() && left === 0;
  }
}

export function withMedia(plan: CallPlan, media: LegOptions['media'], caller = media): CallPlan {
  if (media === undefined) return plan;
  return {
    ...plan,
    callerLeg: { ...plan.callerLeg, ...(caller !== undefined && { media: caller }) },
    next: (outcome) => {
      const stage = plan.next(outcome);
      if ('status' in stage) return stage;
      return { branches: stage.branches.map((each) => ({ ...each, options: { ...each.options, media } })) };
    },
  };
}

export function answersReinvites(party: Party, status = 200): void {
  party.onRequest = (transaction, request) => {
    if (request.method !== 'INVITE' || request.toTag() === undefined) return;
    const name = request.body === '' ? `${party.host}-offer` : `${party.host}-answer`;
    party.answer(transaction, status, status < 300 ? { body: sdp(name) } : {});
  };
}
