/** Strophe's build for Node brings the XML parser that a browser has; importing it is enough. */
import 'strophe.js';
