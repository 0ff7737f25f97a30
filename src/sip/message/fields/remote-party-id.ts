import { type NameAddr, parseNameAddr } from '../name-addr.ts';

/** Remote-Party-ID (draft-ietf-sip-privacy-04 §5.1), still what many carriers read. */
export interface RemotePartyId {
  readonly address: NameAddr;
  /** Lower case: `calling`, `called` or another; undefined when not given. */
  readonly party?: string | undefined;
  /** Lower case: `full`, `name`, `uri`, `off`. */
  readonly privacy?: string | undefined;
}

export function parseRemotePartyId(text: string): RemotePartyId {
  const address = parseNameAddr(text);
  return {
    address,
    party: address.params.get('party')?.toLowerCase(),
    privacy: address.params.get('privacy')?.toLowerCase(),
  };
}
