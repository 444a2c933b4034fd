"""The dialer: nobody is rung twice, whatever happens."""
