-- What an account keeps for itself, what it tells of itself, and whom it does not want to hear.

-- Private XML: what a client stored under an element's namespace and name.
CREATE TABLE private_xml (
    no   BIGINT NOT NULL,
    ns   TEXT NOT NULL,
    name TEXT NOT NULL,
    xml  BLOB NOT NULL,
    PRIMARY KEY (no, ns, name)
) WITHOUT ROWID;

CREATE TABLE vcards (
    no  INTEGER PRIMARY KEY,
    xml BLOB NOT NULL
);

-- Addresses that an account blocks. An empty resource is the bare JID, or a whole domain.
CREATE TABLE blocked (
    no       BIGINT NOT NULL,
    contact  BIGINT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (no, contact, resource)
) WITHOUT ROWID;
