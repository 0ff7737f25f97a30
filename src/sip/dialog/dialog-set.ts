import type { SipRequest, SipResponse } from '../message/index.ts';
import { Dialog } from './dialog.ts';

/**
 * The dialogs that one INVITE makes on the calling side: a proxy may fork it, and each branch that answers has a tag of its own
 * (RFC 3261 §12.1.2, §13.2.2.4).
 */
export class DialogSet {
  readonly #invite: SipRequest;
  readonly #maxDialogs: number;
  readonly #dialogs = new Map<string, Dialog>();

  /** `maxDialogs` bounds what a peer can make us keep by inventing tags; a 2xx always gets its dialog. Default 16. */
  constructor(invite: SipRequest, maxDialogs = 16) {
    this.#invite = invite;
    this.#maxDialogs = maxDialogs;
  }

  get size(): number {
    return this.#dialogs.size;
  }

  dialogs(): Dialog[] {
    return [...this.#dialogs.values()];
  }

  /** The dialog that a response to the INVITE belongs to, made or confirmed as needed; undefined when the response makes none. */
  receiveResponse(response: SipResponse): Dialog | undefined {
    const { status } = response;
    const tag = response.toTag();
    // §12.1: only a 101–199 with a To tag and a 2xx make a dialog.
    if (status <= 100 || status >= 300 || (tag === undefined && status < 200)) return undefined;
    const remoteTag = tag ?? '';
    const known = this.#dialogs.get(remoteTag);
    if (known !== undefined) {
      if (status >= 200) known.confirm(response);
      return known;
    }
    if (status < 200 && this.#dialogs.size >= this.#maxDialogs) return undefined;
    const dialog = Dialog.createUac(this.#invite, response);
    this.#dialogs.set(remoteTag, dialog);
    return dialog;
  }

  /** The INVITE failed, or one branch won: every other early dialog ends (§13.2.2.3, §13.2.2.4). */
  endEarly(): void {
    for (const [tag, dialog] of this.#dialogs) {
      if (dialog.state !== 'early') continue;
      dialog.terminate();
      this.#dialogs.delete(tag);
    }
  }
}
