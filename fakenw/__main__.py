from fakenw.cli.main import main

main()
