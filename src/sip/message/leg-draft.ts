import { joined } from '../../base/text.ts';
import { HeaderId } from './header-id.ts';
import type { Headers } from './headers.ts';

/**
 * The INVITE of one leg, without what the dialog and the transport own: no Via, Max-Forwards, Call-ID, CSeq or Content-Length,
 * and no From tag.
 */
export interface LegDraft {
  readonly requestUri: string;
  /** From header field value without a tag. */
  readonly from: string;
  readonly to: string;
  /** Contact header field value. */
  readonly contact: string;
  /** Route header field values, first hop first. */
  readonly routes: readonly string[];
  /** Everything else in order, Content-Type and the like included. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body, octet for octet; '' makes the far end offer. */
  readonly body: string;
}

/** What a dialog adds to a draft. */
export interface DraftedDialog {
  readonly callId: string;
  readonly localTag: string;
  readonly sequence: number;
}

/** The fields of a draft's INVITE in the order of the guide's sample: Max-Forwards, Route, Contact, To, From, Call-ID, CSeq, then its own. */
export function addDraftFields(headers: Headers, draft: LegDraft, dialog: DraftedDialog, maxForwards: number): void {
  headers.add(HeaderId.MaxForwards, String(maxForwards));
  for (const route of draft.routes) headers.add(HeaderId.Route, route);
  headers.add(HeaderId.Contact, draft.contact);
  headers.add(HeaderId.To, draft.to);
  headers.add(HeaderId.From, joined(draft.from, ';tag=', dialog.localTag));
  headers.add(HeaderId.CallId, dialog.callId);
  headers.add(HeaderId.CSeq, `${dialog.sequence} INVITE`);
  for (const [name, value] of draft.headers) headers.addNamed(name, value);
}
