{{ top_n_states('true') }}
