import type { CallStore } from '../../src/call/index.ts';
import { SignatureThread } from '../../src/stir/index.ts';
import { benchProvisioning } from '../peers/provisioning.ts';
import { Carrier, Phone, type PhonePassword } from './call-peers.ts';
import { MemoryEngine } from './memory-engine.ts';

export interface CallMachineOptions {
  /** Signatures are made by a thread of their own. Default: false. */
  readonly signsApart?: boolean;
  readonly callStore?: CallStore;
  /** The phone's answer to a challenge; default: it gives up. */
  readonly answer?: PhonePassword;
  /** An extension from which the phone places another call beside each. */
  readonly beside?: string;
}

/** A phone and a carrier in the engine's process place calls. */
export class CallMachine extends MemoryEngine {
  readonly phone: Phone;
  readonly carrier: Carrier;
  readonly #signatures: SignatureThread | undefined;
  readonly #beside: string | undefined;

  constructor(
    provisioning: object = benchProvisioning(5070),
    { signsApart = false, callStore, answer, beside }: CallMachineOptions = {},
  ) {
    let signatures: SignatureThread | undefined;
    super(provisioning, (shared) => {
      if (signsApart) signatures = new SignatureThread(shared);
      return { callStore, ...(signatures !== undefined && { signatures }) };
    });
    this.#signatures = signatures;
    this.#beside = beside;
    this.phone = new Phone(this.transport, answer);
    this.carrier = new Carrier(this.transport);
    this.add(this.phone);
    this.add(this.carrier);
  }

  /** Places calls at an even rate on virtual time; each is hung up at once when answered. Returns when all have ended. */
  async placeCalls(count: number, callsPerSecond: number): Promise<void> {
    await this.#place(count, callsPerSecond, 0);
    await this.until(() => this.phone.inProgress === 0);
  }

  /** Places calls that stay. Returns when all are answered. */
  async holdCalls(count: number, callsPerSecond: number): Promise<void> {
    await this.#place(count, callsPerSecond, Number.POSITIVE_INFINITY);
  }

  async hangUpAll(): Promise<void> {
    this.phone.hangUpAll();
    await this.until(() => this.phone.inProgress === 0);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#signatures?.close();
  }

  protected override act(): void {
    this.phone.hangUpDue(this.nowMs);
  }

  #place(count: number, callsPerSecond: number, holdMs: number): Promise<void> {
    return this.evenly(count, callsPerSecond, () => {
      this.phone.call(this.nowMs + holdMs);
      if (this.#beside !== undefined) this.phone.call(this.nowMs + holdMs, this.#beside);
    });
  }
}
