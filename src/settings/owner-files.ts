/** What a running engine keeps in its store's folder for the command line, readable by its user alone. */

/** The owner's token. */
export const OWNER_TOKEN_FILE = 'owner-token';
/** Where HTTP is served: the configuration may name another port since the start. */
export const API_ADDRESS_FILE = 'api-address';
