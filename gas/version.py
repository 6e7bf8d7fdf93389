"""The version of GAS, as shown in the footer, in results and in the changelog."""

VERSION = "0.1.0"
