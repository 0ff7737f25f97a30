export { type Direction, type Media, SessionDescription } from './session.ts';
