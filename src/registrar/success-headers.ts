import type { Clock } from '../base/scheduler.ts';
import { HeaderId, type HeaderList } from '../sip/message/index.ts';
import type { Binding } from './binding.ts';
import type { RegisterAsk } from './register-request.ts';
import { contactOf } from './shared-contact.ts';

type Field = HeaderList[number];

/** What the 200 to a REGISTER says (RFC 3261 §10.3 step 8). Who asks for nothing special is told the same as all others of the same second. */
export class SuccessHeaders {
  readonly #clock: Clock;
  readonly #flowTimerSeconds: number;
  #usual: Field[] = [];
  /** Of the wall clock, in which those were made. */
  #usualSecond = -1;

  constructor(clock: Clock, flowTimerSeconds: number) {
    this.#clock = clock;
    this.#flowTimerSeconds = flowTimerSeconds;
  }

  /** @param transport what the REGISTER came over. */
  headers(bindings: readonly Binding[], ask: RegisterAsk, transport: string): HeaderList {
    const nowMs = this.#clock.nowMs();
    const contacts = bindings.map((binding): Field => {
      const { contactParams, expiresAtMs } = binding;
      const seconds = Math.ceil((expiresAtMs - nowMs) / 1000);
      return [HeaderId.Contact, `<${contactOf(binding)}>${contactParams};expires=${seconds}`];
    });
    return contacts.concat(this.#others(ask, transport));
  }

  #others({ path, contacts }: RegisterAsk, transport: string): Field[] {
    const usual = this.#usualOnes();
    const asksForFlow = contacts.some(({ regId }) => regId !== undefined);
    if (path.length === 0 && !asksForFlow) return usual;
    // RFC 3327 §5.3.
    const others = path.map((value): Field => [HeaderId.Path, value]);
    // RFC 5626 §6: said only to who asked for a flow.
    if (asksForFlow) others.push([HeaderId.Require, 'outbound']);
    // §4.4.2: over UDP its own 24 to 29 seconds are what NATs need.
    if (asksForFlow && path.length === 0 && transport !== 'udp')
      others.push([HeaderId.FlowTimer, String(this.#flowTimerSeconds)]);
    return others.concat(usual);
  }

  /** RFC 3261 §20.17: Date; made once a second. */
  #usualOnes(): Field[] {
    const second = Math.floor(this.#clock.wallMs() / 1000);
    if (second !== this.#usualSecond) {
      this.#usualSecond = second;
      this.#usual = [
        [HeaderId.Supported, 'path, outbound'],
        [HeaderId.Date, new Date(second * 1000).toUTCString()],
      ];
    }
    return this.#usual;
  }
}
