from fakenw.cli.start import main

main()
